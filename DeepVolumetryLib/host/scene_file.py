"""The scene as one file that Slicer opens."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ..errors import InputError, ResourceError
from .session import start


def save_scene(path: str | os.PathLike) -> Path:
    """Write the scene with all its data as .mrb.

    Raises:
        ResourceError: if it cannot be written.
    """
    path = Path(path)
    scene = start()
    with _quiet():
        written = scene.WriteToMRB(str(path), None)
    if not written:
        raise ResourceError(f"The scene could not be written to {path}. Free some disk space, or choose another folder.")
    return path


def load_scene(path: str | os.PathLike) -> None:
    """Replace the scene by that of an .mrb file.

    Raises:
        InputError: if the file is missing or damaged; the scene is empty then.
    """
    path = Path(path)
    if not path.is_file():
        raise InputError(f"{path} was not found. Check the path.")
    scene, folder = start(), Path.cwd()
    with _quiet():
        read = scene.ReadFromMRB(str(path), True)
    os.chdir(folder)  # a damaged bundle leaves the process in a temporary folder that is gone
    if not read:
        raise InputError(f"{path.name} could not be read: it is no Slicer scene bundle (.mrb), or it is damaged.")


@contextmanager
def _quiet() -> Iterator[None]:
    """The archive reports every file that it packs; whether it worked is told by its answer."""
    from vtkmodules.vtkCommonCore import vtkOutputWindow, vtkStringOutputWindow

    shown = vtkOutputWindow.GetInstance()
    vtkOutputWindow.SetInstance(vtkStringOutputWindow())
    try:
        yield
    finally:
        vtkOutputWindow.SetInstance(shown)
