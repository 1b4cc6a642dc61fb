"""The `qt`, `ctk` and GUI part of `slicer` for tests: real Designer files and real MRML, in PySide6, without Slicer.

`install()` makes `import qt`, `import ctk` and the GUI names of `slicer` work in this process. What Slicer does not have
raises; what Slicer has and nobody needed yet raises NotImplementedError.
"""

from __future__ import annotations

import os
import sys

_installed = None


def install():
    """Make the names importable and create the application; returns the Scene. Later calls return the same."""
    global _installed
    if _installed is None:
        os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
        from . import installation

        _installed = installation.install(sys.modules)
    return _installed
