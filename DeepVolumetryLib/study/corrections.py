"""Corrections: what the user changed in a segmentation, taken over into the masks of its result, and back.

Only the boxes that hold a segment are looked at, so a stroke of the brush costs milliseconds on any image.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import slicer
import vtk
from vtkmodules.util.numpy_support import numpy_to_vtk, vtk_to_numpy

from ..measure.volumes import bounding_box
from ..mrml.masks import masks_on_grid
from ..mrml.segmentation import mark_edited

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ..result import Result, SegmentSpec

    Box = tuple[slice, slice, slice]

EMPTY: Box = (slice(0, 0), slice(0, 0), slice(0, 0))


@dataclass(frozen=True)
class Drawn:
    """A mask as the model drew it, small."""

    box: Box
    bits: NDArray[np.uint8]
    count: int

    @classmethod
    def of(cls, mask: NDArray[np.bool_], box: Box) -> Drawn:
        """A mask (K, J, I) that is empty outside of a box."""
        return cls(box, np.packbits(mask[box]), int(np.count_nonzero(mask[box])))

    def isSame(self, mask: NDArray[np.bool_], box: Box) -> bool:
        """True if a mask, which is empty outside of a box of its own, is this one."""
        if np.count_nonzero(mask[box]) != self.count:
            return False
        return np.array_equal(np.packbits(mask[self.box]), self.bits)


@dataclass
class Mark:
    """A region inside of which something was edited.

    Attributes:
        before: what was decided about it before the edit.
        untouched: segment key -> its mask inside the region's box before the edit.
    """

    before: str
    untouched: dict[str, NDArray[np.bool_]] = field(default_factory=dict)


class Corrections:
    """Keeps ``result.segments`` and ``result.regions`` in step with a segmentation node.

    Args:
        node: segmentation on the grid of the result, with the result's keys as segment IDs.
        result: its masks are changed in place.
        isNew: False if the segmentation may differ from the result, which holds what the model drew: `takeOver` then sees it.

    Attributes:
        edited: keys of the segments that are not as the model drew them.
    """

    def __init__(self, node: Any, result: Result, isNew: bool = True) -> None:
        self.node, self.result = node, result
        self._matrix = None
        self._stamps: dict[str, int] = {}
        self._boxes: dict[str, Box] = {}
        self._marks: dict[int, Mark] = {}
        self._drawn: dict[str, Drawn] = {}
        self.edited: set[str] = set(result.extras.get("edited_segments", ()))
        for key in result.segments:
            labelmap = self._labelmap(key)
            self._stamps[key] = -1 if not isNew else labelmap.GetMTime() if labelmap else 0
            self._boxes[key] = self._box(labelmap) if isNew else bounding_box(result.segments[key]) or EMPTY
            self._drawn[key] = Drawn.of(result.segments[key], self._boxes[key])

    def takeOver(self) -> set[str]:
        """Update the masks and the regions from the scene. Returns the keys of the segments that changed."""
        changed = {key for key in self._known() if self._takeOverSegment(key)}
        different = {key for key in changed if self._isEdited(key)}
        self.edited = (self.edited - changed) | different
        # Not those that an undo brought back: another change would cost the Segment Editor its redo.
        mark_edited(self.node, different)
        return changed

    def decide(self, number: int, reviewed: str) -> None:
        """What the user says about a region holds until its structure is edited again."""
        self._marks.pop(number, None)
        self.result.regions[number] = replace(self.result.regions[number], reviewed=reviewed)

    def addSegment(self, spec: SegmentSpec) -> None:
        """An empty segment for what the model did not find; what the user draws in it is the user's (MANUAL)."""
        from ..image_io.terminology import segment_tags

        segment = slicer.vtkSegment()
        segment.SetName(spec.name)
        segment.SetColor(*(channel / 255 for channel in spec.color))
        for name, text in {**segment_tags(spec, ""), "DICOM.SegmentAlgorithmType": "MANUAL"}.items():
            segment.SetTag(name, text)
        self.result.segments[spec.key] = np.zeros(self.result.image.shape, bool)
        self._stamps[spec.key], self._boxes[spec.key] = 0, EMPTY
        self.node.GetSegmentation().AddSegment(segment, spec.key)

    def adopt(self, specs: Iterable[SegmentSpec]) -> None:
        """Know segments of a loaded scene that the model did not find and the user drew."""
        present = set(self.node.GetSegmentation().GetSegmentIDs())
        for spec in specs:
            if spec.key in present and spec.key not in self.result.segments:
                self.result.segments[spec.key] = np.zeros(self.result.image.shape, bool)
                self._stamps[spec.key], self._boxes[spec.key] = -1, EMPTY
                self._labelmap(spec.key)

    @property
    def box(self) -> Box:
        """What holds all segments as they are now."""
        whole = EMPTY
        for box in self._boxes.values():
            whole = union(whole, box)
        return whole

    def areaOf(self, key: str) -> tuple[Box, NDArray[np.bool_]]:
        """Where a segment lies that is not of the result: its box on the grid of the result, and its mask in there."""
        labelmap = self._labelmap(key)
        box = self._box(labelmap)
        return box, self._voxels(key, labelmap, box)

    def replace(self, key: str, box: Box, mask: NDArray[np.bool_]) -> None:
        """As `write`, but nothing is touched that is the same already."""
        inside = bounding_box(mask != self.result.segments[key][box])
        if inside is not None:
            place = tuple(slice(outer.start + s.start, outer.start + s.stop) for outer, s in zip(box, inside, strict=True))
            self.write(key, place, mask[inside])

    def write(self, key: str, box: Box, mask: NDArray[np.bool_]) -> None:
        """Replace a segment inside a box (K, J, I) in the scene; `takeOver` then sees the change."""
        whole = union(self._boxes[key], box)
        voxels = self.result.segments[key][whole].copy()
        voxels[tuple(slice(b.start - w.start, b.stop - w.start) for b, w in zip(box, whole, strict=True))] = mask
        labelmap = slicer.vtkOrientedImageData()
        labelmap.SetExtent([edge for axis in (2, 1, 0) for edge in (whole[axis].start, whole[axis].stop - 1)])
        labelmap.GetPointData().SetScalars(numpy_to_vtk(voxels.astype(np.uint8).ravel(), deep=True))
        labelmap.SetImageToWorldMatrix(self._matrix)
        logic = slicer.vtkSlicerSegmentationsModuleLogic
        logic.SetBinaryLabelmapToSegment(labelmap, self.node, key, logic.MODE_REPLACE)

    def _known(self) -> list[str]:
        present = set(self.node.GetSegmentation().GetSegmentIDs())
        return [key for key in self.result.segments if key in present or self._boxes[key] != EMPTY]

    def _isEdited(self, key: str) -> bool:
        return key not in self._drawn or not self._drawn[key].isSame(self.result.segments[key], self._boxes[key])

    def _takeOverSegment(self, key: str) -> bool:
        labelmap = self._labelmap(key)
        stamp = labelmap.GetMTime() if labelmap else 0
        if stamp == self._stamps[key]:
            return False
        mask, before, after = self.result.segments[key], self._boxes[key], self._box(labelmap)
        whole = union(before, after)
        old = mask[whole].copy()
        mask[before] = False
        mask[after] = self._voxels(key, labelmap, after)
        self._stamps[key], self._boxes[key] = stamp, after
        different = old != mask[whole]
        if not different.any():
            return False
        self._markFixed(key, old, different, whole)
        return True

    def _markFixed(self, key: str, old: NDArray[np.bool_], different: NDArray[np.bool_], whole: Box) -> None:
        """A region counts as fixed while its own structure differs inside of it; once an edit is undone it is what it was before."""
        for number, region in enumerate(self.result.regions):
            if not belongs(key, region.target):
                continue
            box = tuple(slice(low, high) for low, high in zip(*region.box_kji, strict=True))
            mine, theirs = shared(box, whole)
            if not different[theirs].any():
                continue
            mark = self._marks.setdefault(number, Mark(region.reviewed))
            if key not in mark.untouched:
                mark.untouched[key] = self.result.segments[key][box].copy()
                mark.untouched[key][mine] = old[theirs]
            same = all((self.result.segments[name][box] == mask).all() for name, mask in mark.untouched.items())
            self.result.regions[number] = replace(region, reviewed=mark.before if same else "fixed")
            if same:
                del self._marks[number]

    def _labelmap(self, key: str) -> Any:
        if self.node.GetSegmentation().GetSegment(key) is None:
            return None
        labelmap = self.node.GetBinaryLabelmapInternalRepresentation(key)
        if labelmap is not None and self._matrix is None:
            self._matrix = matrixOf(labelmap)
        return labelmap

    def _isOnGrid(self, labelmap: Any) -> bool:
        """False after the user gave the segmentation another geometry."""
        mine, theirs = (slicer.util.arrayFromVTKMatrix(matrix) for matrix in (self._matrix, matrixOf(labelmap)))
        return np.allclose(mine, theirs, atol=1e-4)

    def _box(self, labelmap: Any) -> Box:
        """Where a label map lies on the grid of the result, cut to it."""
        shape = self.result.image.shape
        if labelmap is None or labelmap.IsEmpty():
            return EMPTY
        if not self._isOnGrid(labelmap):
            return tuple(slice(0, size) for size in shape)
        extent = labelmap.GetExtent()
        k, j, i = (slice(max(extent[2 * a], 0), min(extent[2 * a + 1] + 1, shape[2 - a])) for a in (2, 1, 0))
        return (k, j, i) if all(s.start < s.stop for s in (k, j, i)) else EMPTY

    def _voxels(self, key: str, labelmap: Any, box: Box) -> NDArray[np.bool_]:
        """The segment inside a box of the result's grid."""
        if box == EMPTY:
            return np.zeros((0, 0, 0), bool)
        if not self._isOnGrid(labelmap):
            return masks_on_grid(self.node, self.result.image, [key])[key][box]
        labels = vtk_to_numpy(labelmap.GetPointData().GetScalars()).reshape(labelmap.GetDimensions()[::-1])
        first = labelmap.GetExtent()[4::-2]
        inside = tuple(slice(s.start - low, s.stop - low) for s, low in zip(box, first, strict=True))
        return labels[inside] == self.node.GetSegmentation().GetSegment(key).GetLabelValue()


def matrixOf(labelmap: Any) -> Any:
    """Index to the node's coordinates of a vtkOrientedImageData."""
    matrix = vtk.vtkMatrix4x4()
    labelmap.GetImageToWorldMatrix(matrix)
    return matrix


def belongs(key: str, target: str) -> bool:
    """True for the segments of a target: "left_tumor" belongs to "tumor"."""
    return key == target or key.endswith(f"_{target}")


def union(a: Box, b: Box) -> Box:
    """Smallest box around two boxes, either of which may be empty."""
    if a == EMPTY or b == EMPTY:
        return b if a == EMPTY else a
    k, j, i = (slice(min(p.start, q.start), max(p.stop, q.stop)) for p, q in zip(a, b, strict=True))
    return k, j, i


def shared(a: Box, b: Box) -> tuple[Box, Box]:
    """What two boxes share, as places inside of the one and of the other; empty where they share nothing."""
    edges = [(max(p.start, q.start), min(p.stop, q.stop)) for p, q in zip(a, b, strict=True)]
    mine, theirs = (
        tuple(slice(max(low - s.start, 0), max(high - s.start, 0)) for (low, high), s in zip(edges, box, strict=True)) for box in (a, b)
    )
    return mine, theirs
