"""The DICOM images that a result was measured on: their headers, and where their frames lie."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from copy import deepcopy
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ...errors import InputError
from ...image import Image
from ...image_io.frames import frame_planes, read_header, stacked

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from pydicom import Dataset

# Attributes of type 2: files that lack them are common, and the objects that refer to them must have them.
_MAY_BE_EMPTY = (
    "PatientName", "PatientID", "PatientBirthDate", "PatientSex", "StudyDate", "StudyTime", "StudyID", "AccessionNumber",
    "ReferringPhysicianName",
)  # fmt: skip
_ONE_PICTURE = "1.2.840.10008.5.1.4.1.1.6.1"  # ultrasound image storage


@dataclass(frozen=True)
class Source:
    """One series of images.

    Attributes:
        headers: of its images without pixels, in the order of the slices; one header if all frames are in one file.
        grid: the frames as one volume; None for pictures whose place in the patient is not stated (ultrasound).
        order: for each slice of ``grid`` the number of its frame, counted over all headers.
        frame: of a file of several pictures, the number of the measured one from 0; its header is that of this frame alone.
        kind: the SOP class of such a file.
    """

    headers: tuple[Dataset, ...] = field(repr=False)
    grid: Image | None
    order: tuple[int, ...]
    frame: int | None = None
    kind: str = ""

    @property
    def uid(self) -> str:
        """Series instance UID."""
        return str(self.headers[0].SeriesInstanceUID)

    @property
    def frames(self) -> int:
        """Number of frames in all files."""
        return len(self.headers) if len(self.headers) > 1 else int(self.headers[0].get("NumberOfFrames", None) or 1)

    def name_frame(self, dataset: Dataset) -> None:
        """Where an object refers to a file of several pictures, say that it is one and which frame is meant."""
        if self.frame is None:
            return
        if "SourceImageSequence" in dataset:  # its items are those of another sequence, in which no frame is named
            dataset.SourceImageSequence = deepcopy(dataset.SourceImageSequence)
        for holder in list(items_of(dataset)):
            if holder.get("ReferencedSOPInstanceUID", None) == self.headers[0].SOPInstanceUID:
                holder.ReferencedSOPClassUID = self.kind
            derived = () if holder is dataset else holder.get("SourceImageSequence", ())
            shown = holder.get("ReferencedSOPSequence", ()) if "ValueType" in holder else ()
            for item in (*derived, *shown):
                if item.ReferencedSOPInstanceUID == self.headers[0].SOPInstanceUID:
                    item.ReferencedFrameNumber = self.frame + 1

    def on_frames(self, voxels: NDArray[Any], image: Image) -> NDArray[Any]:
        """Voxels of a result on the frames of this series.

        A grid that differs by axis order, flips or whole voxels is copied exactly; from any other one the nearest voxel is taken.

        Args:
            voxels: (K, J, I) on the grid of ``image``.
            image: any grid in the same patient coordinates.

        Returns:
            (frames, rows, columns) in the order of the frames.

        Raises:
            InputError: if a picture without a place in the patient has another size than its result.
        """
        rows, columns = int(self.headers[0].Rows), int(self.headers[0].Columns)
        found = np.zeros((self.frames, rows, columns), voxels.dtype)
        if self.grid is None:
            picture = voxels.squeeze(axis=int(np.argmin(voxels.shape)))
            if picture.shape != (rows, columns):
                size = f"{picture.shape[1]}×{picture.shape[0]}"
                raise InputError(f"The result has {size} pixels, its DICOM picture {columns}×{rows}. Choose the file that was segmented.")
            found[0] = picture
            return found
        moved = image.with_voxels(voxels).resampled(self.grid, order=0).voxels
        found[list(self.order)] = moved
        return found


def items_of(dataset: Dataset) -> Iterator[Dataset]:
    """A dataset and all items in it."""
    yield dataset
    for element in dataset:
        if element.VR == "SQ":
            for item in element.value:
                yield from items_of(item)


def read_source(path: Path | Iterable[Path], called: str, uid: str = "", frame: int | None = None) -> Source:
    """Headers of the series in a file or folder, or in the files given.

    Args:
        path: DICOM file, folder with one image series, or files.
        called: what messages call it.
        uid: series instance UID; files of other series are left alone. "" takes the only series there is.
        frame: of a file of several pictures, the number of the measured one from 0.

    Raises:
        InputError: if there is no DICOM image, its frames make no volume, or it is not said which of several pictures was measured.
    """
    if isinstance(path, Path):
        files = sorted(each for each in path.rglob("*") if each.is_file()) if path.is_dir() else [path]
    else:
        files = list(path)
    found = [header for header in map(read_header, files) if header is not None and "Rows" in header and "SeriesInstanceUID" in header]
    headers = [header for header in found if not uid or header.SeriesInstanceUID == uid]
    if not headers:
        raise InputError(
            f"{called} is no DICOM image, and DICOM results must name the images that they belong to. "
            "Choose the DICOM files as input, or leave --dicom out."
        )
    for header in headers:
        for keyword in _MAY_BE_EMPTY:
            if keyword not in header:
                setattr(header, keyword, "")
    planes = [frame_planes(header) for header in headers]
    if not all(planes):
        if len(headers) > 1:
            raise InputError(f"{called}: some slices lack their position or pixel size. Choose a series of CT or MR slices.")
        several = int(headers[0].get("NumberOfFrames", None) or 1) > 1
        if several:
            if frame is None:
                raise InputError(f"{called} is one of several frames, and it is not known which. Use the command line with --frame.")
            kind = str(headers[0].SOPClassUID)
            _as_one_picture(headers[0])
            return Source((headers[0],), None, (0,), frame, kind)
        return Source((headers[0],), None, (0,))
    if len(headers) > 1 and any(len(each) > 1 for each in planes):
        raise InputError(
            f"{called} is split over several files of many frames each, which DICOM results cannot refer to yet. Leave --dicom out."
        )
    order, matrix = stacked([plane for each in planes for plane in each], called)
    shape = (len(order), int(headers[0].Rows), int(headers[0].Columns))
    grid = Image(np.broadcast_to(np.zeros(1, bool), shape), matrix, uid=str(headers[0].SeriesInstanceUID))
    if len(headers) > 1:
        return Source(tuple(headers[n] for n in order), grid, tuple(range(len(order))))
    return Source((headers[0],), grid, tuple(order))


def _as_one_picture(header: Dataset) -> None:
    """Only the measured picture counts, and highdicom takes but one without a place in the patient."""
    header.SOPClassUID = _ONE_PICTURE
    del header.NumberOfFrames
