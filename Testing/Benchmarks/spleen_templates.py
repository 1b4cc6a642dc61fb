"""Pack the real spleens at hand into the file that shapes are generated from, and draw them.

    python Testing/Benchmarks/spleen_templates.py --data DATA --out SpleenVolume/Resources/SpleenVolume/templates.npz \
        --picture docs/pictures/spleen-templates.png

DATA is a folder with ``torso`` and ``visible_human`` as described in its README. One CT comes without labels; its spleen is segmented
semi-automatically: outlines drawn by hand, coarsely where it borders fat and closely where it borders muscle, bowel or kidney, then
a threshold.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import matplotlib
import numpy as np
import SimpleITK as sitk
import vtk
from matplotlib.path import Path as Polygon
from numpy.typing import NDArray
from scipy import ndimage
from vtk.util.numpy_support import vtk_to_numpy

from SpleenVolumeLib.shapes.label_maps import oriented, read_spleen
from SpleenVolumeLib.shapes.solid import SPACING_MM
from SpleenVolumeLib.shapes.templates import Template, save_templates, template_of_mask

matplotlib.use("Agg")
from matplotlib import pyplot

LABELED = (
    ("ts_example", "torso/totalsegmentator_example/example_seg_fast_force_split.nii.gz", 1,
     "TotalSegmentator's example CT, labels of a model, Apache-2.0; cut off by the scan, its dome was added"),
    ("ts_s0011", "torso/totalsegmentator_s0011/labels.nii.gz", 84, "TotalSegmentator dataset, Wasserthal et al., CC BY 4.0"),
    ("ts_b", "torso/totalsegmentator_b/labels.nii.gz", 84, "TotalSegmentator dataset, Wasserthal et al., CC BY 4.0"),
)  # fmt: skip
MESHES = (
    ("vh_female", "visible_human/VH_F_Spleen.glb", "Visible Human female, HRA/HuBMAP, CC BY 4.0"),
    ("vh_male", "visible_human/VH_M_Spleen.glb", "Visible Human male, HRA/HuBMAP, CC BY 4.0"),
)
TRACED = ("crlm_1004", "torso/crlm_ct_1004/ct.nii.gz", "Colorectal-Liver-Metastases (TCIA), segmented by this program, CC BY 4.0")
# Slice of the CT -> corners (column, row) in its pixels.
OUTLINES = {
    18: ((183.5, 140), (188, 134), (196, 133), (198, 145), (192, 158), (184, 158)),
    19: ((181, 140), (183, 133), (187, 128), (193, 124), (199, 128), (198, 148), (192, 160), (182, 162), (179, 150)),
    20: ((180, 138), (183, 131), (190, 124), (197, 123), (198.5, 135), (199, 142),
        (196, 155), (186, 163), (176, 162), (172, 150), (175, 143)),
    21: ((168, 150), (168, 142), (176, 136), (184, 134), (189, 128), (186, 115), (184, 104), (188, 99), (194, 104), (196.5, 110),
        (198, 117), (200.5, 124), (200.5, 138), (197.5, 147), (194, 157), (188, 163), (178, 164), (170, 160)),
    22: ((158, 140), (166, 138), (178, 137), (187, 136), (190, 128), (187, 118), (184, 108), (183, 98), (190, 98), (197, 108),
        (200, 118), (201, 130), (200, 142), (196, 152), (192, 160), (185, 165), (176, 164), (168, 158), (160, 150)),
    23: ((150, 145), (156, 139), (168, 137), (178, 137), (184, 134), (189, 128), (187, 118), (183, 112), (182, 100), (190, 98), (196, 108),
        (199, 118), (202, 128), (202, 140), (198, 150), (194, 158), (186, 165), (176, 165), (168, 160), (158, 153)),
    24: ((148, 143), (156, 138), (170, 138), (182, 131), (185, 122), (182, 112), (182, 98), (188, 100), (195, 108), (200, 118),
        (202, 130), (201, 142), (196, 153), (190, 160), (182, 165), (172, 165), (162, 158), (152, 150)),
    25: ((147, 148), (152, 138), (168, 140), (180, 130), (182, 118), (180, 98), (184, 99), (192, 106), (198, 116),
        (201, 128), (200, 142), (195, 152), (186, 162), (176, 165), (164, 163), (154, 156)),
    26: ((146, 148), (150, 138), (164, 139), (176, 131), (180, 118), (179, 98), (184, 99), (192, 106), (198, 117),
        (201, 130), (199, 142), (194, 152), (184, 161), (172, 164), (160, 161), (150, 154)),
    27: ((145, 148), (150, 140), (160, 140.5), (172, 133), (178, 122), (176, 100), (182, 104), (190, 112), (196, 122),
        (199, 132), (197, 143), (190, 153), (180, 159), (168, 162), (155, 160), (148, 154)),
    28: ((145, 145), (149, 140.5), (158, 141), (164, 138), (170, 131), (176, 122), (179, 112), (184, 113), (190, 120),
        (195, 130), (194, 140), (186, 148), (176, 154), (162, 157), (150, 155), (146, 150)),
    29: ((147, 146), (150, 141.5), (158, 140), (163, 136), (169, 129), (175, 120), (178, 116), (183, 118),
        (188, 126), (189, 138), (182, 149), (170, 152), (158, 154), (150, 152)),
    30: ((150, 146), (156, 140), (162, 136), (167, 128), (170, 120), (175, 120),
        (178.5, 130), (178.5, 137), (174, 147), (160, 150), (152, 149)),
}  # fmt: skip
_DOME_MM = 40.0
_DOME_SLOPE = 0.6
_INSIDE_HU = (60, 175)
_FAT_HU = 20


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--picture", type=Path)
    options = parser.parse_args()
    templates = [
        template_of_mask(name, source, *completed(*read_spleen(options.data / path, value))) for name, path, value, source in LABELED
    ]
    templates += [template_of_mask(name, source, *rasterize(options.data / path)) for name, path, source in MESHES]
    templates.append(template_of_mask(TRACED[0], TRACED[2], *trace(options.data / TRACED[1])))
    save_templates(options.out, templates)
    for template in templates:
        print(f"{template.name:12} {template.volume_ml:6.1f} mL, {template.source}")
    if options.picture:
        draw(templates, options.picture)


def completed(
    mask: NDArray[np.bool_], spacing_mm: tuple[float, float, float]
) -> tuple[NDArray[np.bool_], tuple[float, float, float], bool]:
    """A spleen that the scan cuts off at the top gets a dome: the distance to its outline goes on as a parabola of ``_DOME_MM`` radius."""
    if not mask[0].any():
        return mask, spacing_mm, True
    inside, outside = (ndimage.distance_transform_edt(side, spacing_mm[1:]) for side in (mask[0], ~mask[0]))
    distance = outside - inside
    heights = spacing_mm[0] * np.arange(int(_DOME_MM / spacing_mm[0]), 0, -1)
    dome = [distance + height**2 / (2 * _DOME_MM) + height * _DOME_SLOPE < 0 for height in heights]
    return np.concatenate([dome, mask]), spacing_mm, False


def rasterize(path: Path, step_mm: float = SPACING_MM) -> tuple[NDArray[np.bool_], tuple[float, float, float]]:
    """Mask inside the surfaces of a GLB file, whose x, y, z are left, up and front in meters. The parts close only together."""
    reader = vtk.vtkGLTFReader()
    reader.SetFileName(str(path))
    reader.Update()
    parts = vtk.vtkAppendPolyData()
    walk = reader.GetOutput().NewIterator()
    walk.InitTraversal()
    while not walk.IsDoneWithTraversal():
        parts.AddInputData(walk.GetCurrentDataObject())
        walk.GoToNextItem()
    joined = vtk.vtkCleanPolyData()
    joined.SetInputConnection(parts.GetOutputPort())
    joined.SetTolerance(1e-4)
    joined.Update()
    scaled = vtk.vtkTransformPolyDataFilter()
    turn = vtk.vtkTransform()
    turn.Scale(1000, 1000, 1000)
    scaled.SetTransform(turn)
    scaled.SetInputConnection(joined.GetOutputPort())
    scaled.Update()
    bounds = np.reshape(scaled.GetOutput().GetBounds(), (3, 2))
    origin = bounds[:, 0] - 2 * step_mm
    size = np.ceil((bounds[:, 1] - origin) / step_mm).astype(int) + 3
    stencil = vtk.vtkPolyDataToImageStencil()
    stencil.SetInputConnection(scaled.GetOutputPort())
    stencil.SetOutputOrigin(*origin)
    stencil.SetOutputSpacing(step_mm, step_mm, step_mm)
    stencil.SetOutputWholeExtent(0, size[0] - 1, 0, size[1] - 1, 0, size[2] - 1)
    picture = vtk.vtkImageStencilToImage()
    picture.SetInputConnection(stencil.GetOutputPort())
    picture.SetInsideValue(1)
    picture.SetOutsideValue(0)
    picture.SetOutputScalarTypeToUnsignedChar()
    picture.Update()
    front_up_left = vtk_to_numpy(picture.GetOutput().GetPointData().GetScalars()).reshape(size[::-1])
    # (front, up, left) -> (down, back, left): superior→inferior, anterior→posterior, right→left.
    mask = front_up_left.transpose(1, 0, 2)[::-1, ::-1] != 0
    return ndimage.binary_fill_holes(ndimage.binary_closing(np.pad(mask, 3), iterations=2)), (step_mm,) * 3


def trace(path: Path) -> tuple[NDArray[np.bool_], tuple[float, float, float]]:
    """The spleen of the CT without labels."""
    image = sitk.ReadImage(str(path))
    voxels = sitk.GetArrayFromImage(image).astype(np.float32)
    rows, columns = np.mgrid[: voxels.shape[1], : voxels.shape[2]]
    points = np.stack([columns.ravel(), rows.ravel()], 1)
    mask = np.zeros(voxels.shape, np.uint8)
    for index, corners in OUTLINES.items():
        soft = ndimage.gaussian_filter(voxels[index], 0.7)
        inside = Polygon(corners).contains_points(points).reshape(rows.shape)
        found = inside & (soft > _INSIDE_HU[0]) & (soft < _INSIDE_HU[1])
        # Vessels in the hilum and noise leave holes; fat that cuts in at the hilum stays out.
        found = ndimage.binary_closing(found, iterations=2) & (soft > _FAT_HU)
        found = ndimage.binary_opening(found)
        labels, _ = ndimage.label(found)
        mask[index] = ndimage.binary_fill_holes(labels == 1 + np.argmax(np.bincount(labels.ravel())[1:]))
    traced = sitk.GetImageFromArray(mask)
    traced.CopyInformation(image)
    filled, spacing = oriented(traced)
    return ndimage.binary_fill_holes(filled), spacing


def draw(templates: list[Template], path: Path) -> None:
    """The largest coronal, transverse and sagittal slice of each."""
    figure, axes = pyplot.subplots(3, len(templates), figsize=(2 * len(templates), 6.4), squeeze=False)
    for column, template in enumerate(templates):
        inside = template.distance < 0
        for row, (plane, axis) in enumerate((("coronal", 1), ("transverse", 0), ("sagittal", 2))):
            best = int(inside.sum(tuple(other for other in range(3) if other != axis)).argmax())
            place = axes[row, column]
            place.imshow(inside.take(best, axis), cmap="Purples", extent=_extent(inside.take(best, axis).shape), vmax=1.3)
            place.set_xlim(-75, 75)
            place.set_ylim(75, -75)
            place.tick_params(labelsize=6)
            if not row:
                place.set_title(f"{template.name}\n{template.volume_ml:.0f} mL", fontsize=8)
            if not column:
                place.set_ylabel(f"{plane}, mm", fontsize=8)
    figure.tight_layout()
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=90)


def _extent(shape: tuple[int, ...]) -> tuple[float, float, float, float]:
    height, width = (SPACING_MM * n / 2 for n in shape)
    return -width, width, height, -height


if __name__ == "__main__":
    main()
