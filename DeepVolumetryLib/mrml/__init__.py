"""Results in the MRML scene; the same code in Slicer and on the host."""
