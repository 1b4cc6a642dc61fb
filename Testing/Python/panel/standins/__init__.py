"""The `qt`, `ctk` and GUI part of `slicer` for tests: real Designer files and real MRML, in PySide6, without Slicer.

`install()` makes `import qt`, `import ctk` and the GUI names of `slicer` work in this process. What Slicer does not have
raises; what Slicer has and nobody needed yet raises NotImplementedError.
"""

from __future__ import annotations

import ctypes
import os
import sys

_installed = None


def _keep_none() -> None:
    """PySide6 6.12 returns None without counting the reference, which only Python 3.12 and later allow.

    On older ones each call of a method that returns nothing takes one reference away, and after some ten thousand
    calls the interpreter aborts ("deallocating None"). More references than calls can ever take away prevent that.
    """
    if sys.version_info < (3, 12):
        ctypes.c_ssize_t.from_address(id(None)).value += 1 << 40


def install():
    """Make the names importable and create the application; returns the Scene. Later calls return the same."""
    global _installed
    if _installed is None:
        os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
        _keep_none()
        from . import installation

        _installed = installation.install(sys.modules)
    return _installed
