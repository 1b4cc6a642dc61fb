"""The toy kidneys, and images that make trouble: the first voxel says which."""
