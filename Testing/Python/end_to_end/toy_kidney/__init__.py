"""A module without networks: bright voxels are kidney. It stands where a real module would; the command line is what is tested."""
