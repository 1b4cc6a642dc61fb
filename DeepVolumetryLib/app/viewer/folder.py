"""The folder that was opened: what can be shown of it, and nothing outside of it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from ...errors import InputError
from ...report.saved import REPORT

IMAGES = (".nrrd", ".nii", ".nii.gz", ".mha", ".dcm", ".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff")
_DEPTH = 3
_MOST = 500
_HEADER_BYTES = 1 << 16
_ELSEWHERE = {".nrrd": (b"data file:", b"datafile:"), ".mha": (b"elementdatafile",)}


class OpenedFolder:
    """Finds results and images in a folder, by names relative to it.

    Args:
        root: the folder.

    Raises:
        InputError: if it is none.
    """

    def __init__(self, root: Path) -> None:
        if not root.is_dir():
            raise InputError(f"{root} is no folder. Name the folder of a result, or one with images.")
        self.root = root.resolve()

    def path(self, name: str) -> Path:
        """The file or folder of a name from `results` or `images`; links are followed.

        Raises:
            InputError: if it lies outside of the folder, has a link to outside in it, or refers to another file; if it is not there.
        """
        try:
            found = (self.root / name).resolve(strict=True)
        except (OSError, ValueError, RuntimeError):
            raise InputError(f"{name!r} was not found in the opened folder.") from None
        if not self._is_inside(found):
            raise InputError(f"{name!r} lies outside of the opened folder. Open that folder instead.")
        inside = (found,) if found.is_file() else found.rglob("*")
        for each in inside:
            if not self._is_inside(each.resolve()):
                raise InputError(f"{each.name!r} is a link to outside of the opened folder. Copy it into the folder.")
            if each.is_file() and _refers_elsewhere(each):
                raise InputError(f"{each.name!r} has its voxels in another file. Save it as one file.")
        return found

    def results(self) -> list[str]:
        """Names of the folders with a saved result, "." for the opened folder itself."""
        return [self._name(path.parent) for path in self._walk() if path.name == REPORT]

    def images(self) -> list[str]:
        """Names of images that may be opened: files, and folders with DICOM files. What a result consists of is left out."""
        found: list[str] = []
        results = {(self.root / name).resolve() for name in self.results()}
        for path in self._walk():
            is_image = path.name.lower().endswith(IMAGES) and not path.name.lower().endswith(".seg.nrrd")
            if not is_image or any(path.parent == folder or folder / "pictures" == path.parent for folder in results):
                continue
            if path.suffix.lower() == ".dcm" and sum(1 for _ in path.parent.glob("*.dcm")) > 1:
                path = path.parent
            if (name := self._name(path)) not in found:
                found.append(name)
        return found

    def _walk(self) -> Iterator[Path]:
        """Files within a few levels, those of the folder itself first; hidden ones and those outside are left out."""
        count, level = 0, [self.root]
        for _ in range(_DEPTH + 1):
            below: list[Path] = []
            for folder in level:
                for path in sorted(folder.iterdir()):
                    if path.name.startswith(".") or not self._is_inside(path.resolve()):
                        continue
                    if path.is_dir():
                        below.append(path)
                    elif path.is_file():
                        yield path
                        count += 1
                        if count > _MOST * 20:
                            return
            level = below

    def _name(self, path: Path) -> str:
        return path.relative_to(self.root).as_posix()

    def _is_inside(self, path: Path) -> bool:
        return path == self.root or self.root in path.parents


def _refers_elsewhere(path: Path) -> bool:
    """True for headers whose voxels lie in a file that they name."""
    name = path.name.lower()
    if name.endswith((".nhdr", ".mhd")):
        return True
    kind = path.suffix.lower()
    if kind not in _ELSEWHERE:
        return False
    with path.open("rb") as file:
        header = file.read(_HEADER_BYTES)
    if kind == ".nrrd":
        lines = header.split(b"\n\n", 1)[0].split(b"\r\n\r\n", 1)[0].lower().splitlines()
        return any(line.startswith(_ELSEWHERE[kind]) for line in lines)
    for line in header.splitlines():
        if line.lower().startswith(_ELSEWHERE[kind]):
            return line.partition(b"=")[2].strip().upper() != b"LOCAL"
    return False
