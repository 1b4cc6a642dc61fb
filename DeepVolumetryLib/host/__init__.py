"""A Slicer scene without the Slicer window: for the command line, batch runs and tests.

``start()`` makes the names that logic code needs — ``slicer.mrmlScene``, ``slicer.app``, ``slicer.modules`` — on the
slicer-core package, whose scene, nodes, logics and displayable managers are Slicer's own.
"""

from __future__ import annotations

from .scene_file import load_scene, save_scene
from .session import start

__all__ = ["load_scene", "save_scene", "start"]
