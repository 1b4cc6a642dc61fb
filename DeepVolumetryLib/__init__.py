"""What the four DeepVolumetry modules share. See docs/architecture.md for the layers."""

__version__ = "0.1.0"
