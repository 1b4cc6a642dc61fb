"""Grids that the networks work on; they are the foundation's."""

from DeepVolumetryLib.engine.grids import Sampled, box_grid, carry, corners_ras, index_box, sample

__all__ = ["Sampled", "box_grid", "carry", "corners_ras", "index_box", "sample"]
