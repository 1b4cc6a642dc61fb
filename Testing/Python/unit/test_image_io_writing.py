"""Results as files: folders whole or not at all, checksums, and segmentations as Slicer opens them."""

from __future__ import annotations

import shutil

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from DeepVolumetryLib.errors import InputError, ResourceError
from DeepVolumetryLib.image import Image
from DeepVolumetryLib.image_io import read_image, sha256_file, write_atomically, write_segmentation
from DeepVolumetryLib.image_io.seg_nrrd import in_layers
from DeepVolumetryLib.result import Code, SegmentSpec

SHEAR = np.array([[1, 0.1, 0], [0, 1, 0.35], [0, 0, 1]])
OBLIQUE = Rotation.from_euler("xyz", (20, -15, 40), degrees=True).as_matrix()


def test_a_folder_is_written_whole(tmp_path):
    with write_atomically(tmp_path / "new" / "out") as folder:
        (folder / "a.txt").write_text("1")
        assert not (tmp_path / "new" / "out").exists()
    assert (tmp_path / "new" / "out" / "a.txt").read_text() == "1"
    assert [each.name for each in (tmp_path / "new").iterdir()] == ["out"]


def test_nothing_is_left_of_a_failed_write(tmp_path):
    with pytest.raises(RuntimeError), write_atomically(tmp_path / "out") as folder:
        (folder / "a.txt").write_text("1")
        raise RuntimeError
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_exists_keeps_its_other_files(tmp_path):
    for run in ("1", "2"):
        with write_atomically(tmp_path) as folder:
            (folder / "dicom").mkdir()
            (folder / "dicom" / f"{run}.dcm").write_text(run)
            (folder / "a.txt").write_text(run)
        (tmp_path / "mine.txt").touch()
    assert sorted(each.name for each in tmp_path.iterdir()) == ["a.txt", "dicom", "mine.txt"]
    assert [each.name for each in (tmp_path / "dicom").iterdir()] == ["2.dcm"]
    assert (tmp_path / "a.txt").read_text() == "2"


def test_a_failed_rewrite_leaves_the_result_before(tmp_path):
    (tmp_path / "a.txt").write_text("1")
    with pytest.raises(RuntimeError), write_atomically(tmp_path) as folder:
        (folder / "a.txt").write_text("2")
        raise RuntimeError
    assert (tmp_path / "a.txt").read_text() == "1"


def test_a_full_disk_is_noticed_before_writing(tmp_path):
    with pytest.raises(ResourceError, match=r"Not enough disk space.*are free"), write_atomically(tmp_path / "out", 10**18):
        pytest.fail("must not get here")
    assert list(tmp_path.iterdir()) == []


def test_a_disk_that_fills_up_on_the_way_leaves_nothing(tmp_path):
    with pytest.raises(ResourceError, match="No space left"), write_atomically(tmp_path / "out"):
        raise OSError(28, "No space left on device")
    assert list(tmp_path.iterdir()) == []


def test_a_file_in_the_place_of_the_folder_is_named(tmp_path):
    (tmp_path / "out").touch()
    with pytest.raises(InputError, match=r"is a file. Choose a folder"), write_atomically(tmp_path / "out"):
        pytest.fail("must not get here")


def test_the_checksum_is_that_of_the_file(tmp_path):
    (tmp_path / "a").write_bytes(b"abc")
    assert sha256_file(tmp_path / "a") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"


def test_the_checksum_of_a_folder_tells_its_content(tmp_path):
    for name in ("one", "two"):
        (tmp_path / name / "sub").mkdir(parents=True)
        (tmp_path / name / "sub" / "a").write_bytes(b"abc")
    assert sha256_file(tmp_path / "one") == sha256_file(tmp_path / "two")
    shutil.move(tmp_path / "two" / "sub" / "a", tmp_path / "two" / "sub" / "b")
    assert sha256_file(tmp_path / "one") != sha256_file(tmp_path / "two")


def spec(key):
    return SegmentSpec(key, key.capitalize(), (10, 20, 30), Code("SCT", "85756007", "Tissue"), Code("SCT", "91772007", "Parenchyma"))


def boxes():
    """Two organs apart, and a part inside the first."""
    masks = {key: np.zeros((6, 7, 8), bool) for key in ("organ", "other", "part", "none")}
    masks["organ"][1:5, 1:5, 1:4] = True
    masks["other"][1:5, 1:5, 5:7] = True
    masks["part"][2:4, 2:4, 2:3] = True
    return masks


def test_overlapping_segments_take_as_few_layers_as_they_can():
    masks = boxes()
    layers, places = in_layers(list(masks.values()), (6, 7, 8))
    assert len(layers) == 2
    for mask, (layer, value) in zip(masks.values(), places, strict=True):
        np.testing.assert_array_equal(layers[layer] == value, mask)


@pytest.mark.parametrize("directions", [OBLIQUE, OBLIQUE @ SHEAR], ids=["oblique", "sheared"])
def test_slicer_opens_the_segmentation_with_names_colors_and_terminology(tmp_path, directions):
    slicer = pytest.importorskip("slicer", reason="slicer-core is not installed")
    import vtk
    from vtkmodules.util.numpy_support import vtk_to_numpy

    masks = boxes()
    image = Image.from_spacing(np.zeros((6, 7, 8)), (1, 1.5, 2), (5, -6, 7), directions)
    path = tmp_path / "segmentation.seg.nrrd"
    write_segmentation(path, image, [spec(key) for key in masks], masks, "model 1.0")

    scene = slicer.vtkMRMLScene()
    node = scene.AddNewNodeByClass("vtkMRMLSegmentationNode")
    storage = slicer.vtkMRMLSegmentationStorageNode()
    storage.SetFileName(str(path))
    assert storage.ReadData(node) == 1
    segmentation = node.GetSegmentation()
    assert segmentation.GetSegmentIDs() == tuple(masks)
    matrix, tag = vtk.vtkMatrix4x4(), vtk.reference("")
    for key, mask in masks.items():
        segment = segmentation.GetSegment(key)
        assert segment.GetName() == key.capitalize()
        np.testing.assert_allclose(segment.GetColor(), np.array([10, 20, 30]) / 255, atol=1e-6)
        assert segment.GetTag("TerminologyEntry", tag)
        assert str(tag).startswith("DeepVolumetry~SCT^85756007^Tissue~SCT^91772007^Parenchyma~^^~")
        assert segment.GetTag("DICOM.SegmentAlgorithmName", tag)
        assert str(tag) == "model 1.0"
        labelmap = segment.GetRepresentation("Binary labelmap")
        labelmap.GetImageToWorldMatrix(matrix)
        np.testing.assert_allclose(slicer.util.arrayFromVTKMatrix(matrix), image.ijk_to_ras, atol=1e-9)
        i0, i1, j0, j1, k0, k1 = labelmap.GetExtent()
        labels = vtk_to_numpy(labelmap.GetPointData().GetScalars()).reshape(labelmap.GetDimensions()[::-1])
        np.testing.assert_array_equal(labels == segment.GetLabelValue(), mask[k0 : k1 + 1, j0 : j1 + 1, i0 : i1 + 1])
        assert mask.sum() == (labels == segment.GetLabelValue()).sum()
    extent = [float(x) for x in segmentation.GetConversionParameter("Reference image geometry").rstrip(";").split(";")[16:]]
    assert extent == [0, 7, 0, 6, 0, 5]


def test_a_segmentation_without_overlap_is_a_plain_label_map(tmp_path):
    masks = boxes()
    image = Image.from_spacing(np.zeros((6, 7, 8)), (1, 1, 1))
    write_segmentation(tmp_path / "s.seg.nrrd", image, [spec("organ"), spec("other")], masks)
    np.testing.assert_array_equal(read_image(tmp_path / "s.seg.nrrd").voxels, masks["organ"] + 2 * masks["other"])


def test_a_corrected_segment_is_not_called_automatic(tmp_path):
    masks = boxes()
    image = Image.from_spacing(np.zeros((6, 7, 8)), (1, 1, 1))
    path = tmp_path / "s.seg.nrrd"
    write_segmentation(path, image, [spec("organ"), spec("other")], masks, edited=["other"])
    header = path.read_bytes().partition(b"\n\n")[0].decode()
    tags = [line for line in header.splitlines() if "_Tags:" in line]
    assert ["SEMIAUTOMATIC" in line for line in tags] == [False, True]
