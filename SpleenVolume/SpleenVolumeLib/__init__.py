"""SpleenVolume's algorithm: plain numpy and torch, no Slicer, no Qt."""
