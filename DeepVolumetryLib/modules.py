"""The modules: what each is called and where its code, models and manifest lie.

Nothing is imported until it is asked for: Slicer, the command line and the worker all start from here, and only the
worker needs torch.
"""

from __future__ import annotations

import importlib
import importlib.util
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .errors import InputError, ModelError

if TYPE_CHECKING:
    from types import ModuleType

_ROOT = Path(__file__).resolve().parent.parent


@dataclass(frozen=True)
class ModuleEntry:
    """One module.

    Attributes:
        key: its name on the command line ("renal").
        title: its name in Slicer and of its folder ("RenalParenchyma").
        library: the Python package with the algorithm ("RenalParenchymaLib"); any importable package with the
            submodules ``parameters`` and ``pipeline`` will do.
        helpers: names of bundles that ship for the other bundles to use ("glioma_brain"); nobody chooses them.
    """

    key: str
    title: str
    library: str
    helpers: tuple[str, ...] = ()

    @property
    def library_folder(self) -> Path:
        """Folder of the package; found without importing it.

        Raises:
            ModelError: if the package is not installed.
        """
        self._make_importable()
        spec = importlib.util.find_spec(self.library)
        if spec is None or not spec.submodule_search_locations:
            raise ModelError(f"The module {self.title} is not installed: there is no package {self.library}. Install the extension again.")
        return Path(next(iter(spec.submodule_search_locations)))

    @property
    def resources(self) -> Path:
        """Resources folder; an installed extension merges those of its modules into one."""
        return self.library_folder.parent / "Resources"

    @property
    def models_folder(self) -> Path:
        """Where the bundles lie that ship with the module."""
        return self.resources / "Models"

    @property
    def manifest_path(self) -> Path:
        """SHA-256 of the shipped weights; in a folder of the module's own because Resources are merged when installed."""
        return self.resources / self.title / "manifest.json"

    def submodule(self, name: str) -> ModuleType:
        """Import ``<library>.<name>``.

        Raises:
            ModelError: if the package is not installed, or a package that it needs is missing.
        """
        self._make_importable()
        try:
            return importlib.import_module(f"{self.library}.{name}")
        except ModuleNotFoundError as error:
            missing = error.name or self.library
            raise ModelError(f"{self.title} needs the Python package {missing}. Install the module's requirements.txt.") from error

    def offers(self, name: str) -> bool:
        """True if the package has a submodule of that name; found without importing it."""
        return (self.library_folder / f"{name}.py").is_file() or (self.library_folder / name / "__init__.py").is_file()

    def parameters(self, values: dict[str, Any] | None = None) -> Any:
        """The module's parameters; defaults where ``values`` says nothing.

        Raises:
            InputError: if a name is unknown or a value is out of its range.
        """
        return self.submodule("parameters").Parameters.from_dict(dict(values or {}))

    def _make_importable(self) -> None:
        """In a clone each library lies in its module's folder, which is not on the path as it is once installed."""
        if importlib.util.find_spec(self.library) is None:
            folder = _ROOT / self.title
            if (folder / self.library).is_dir() and str(folder) not in sys.path:
                sys.path.append(str(folder))
                importlib.invalidate_caches()


MODULES: dict[str, ModuleEntry] = {
    entry.key: entry
    for entry in (
        ModuleEntry(key="renal", title="RenalParenchyma", library="RenalParenchymaLib"),
        ModuleEntry(key="glioma", title="GliomaUncertainty", library="GliomaUncertaintyLib", helpers=("glioma_brain",)),
        ModuleEntry(key="spleen", title="SpleenVolume", library="SpleenVolumeLib", helpers=("spleen_usdm",)),
        ModuleEntry(key="femur", title="FemurQCT", library="FemurQCTLib"),
    )
}


def find(module: str | ModuleEntry) -> ModuleEntry:
    """The entry of a key ("renal"); an entry is handed through, so that a pipeline of one's own can be run too.

    Raises:
        InputError: if there is no such module.
    """
    if isinstance(module, ModuleEntry):
        return module
    try:
        return MODULES[module]
    except KeyError:
        raise InputError(f"There is no module “{module}”. Choose one of: {', '.join(MODULES)}.") from None


def load(module: str | ModuleEntry) -> ModuleType:
    """The module's ``pipeline`` submodule, which offers ``create(bundle, device)``. Imports torch."""
    return find(module).submodule("pipeline")
