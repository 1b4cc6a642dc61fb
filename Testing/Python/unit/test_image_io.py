"""Images from files: the place and the values stay; what cannot be used is said in a sentence."""

from __future__ import annotations

import gzip
import shutil
import struct

import numpy as np
import pytest
import SimpleITK as sitk
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from DeepVolumetryLib.errors import InputError
from DeepVolumetryLib.image import LPS_FROM_RAS, Image
from DeepVolumetryLib.image_io import check_usable, read_image, write_volume

SHEAR = np.array([[1, 0.1, 0], [0, 1, 0.35], [0, 0, 1]])
OBLIQUE = Rotation.from_euler("xyz", (20, -15, 40), degrees=True).as_matrix()


def an_image(directions=OBLIQUE, dtype=np.int16):
    voxels = np.random.default_rng(0).integers(-1000, 1000, (4, 5, 6)).astype(dtype)
    return Image.from_spacing(voxels, (0.7, 0.8, 2.5), (-12.5, 30, 400), directions)


def as_sitk(image):
    matrix = LPS_FROM_RAS @ image.ijk_to_ras
    volume = sitk.GetImageFromArray(image.voxels)
    volume.SetSpacing(image.spacing)
    volume.SetOrigin(matrix[:3, 3].tolist())
    volume.SetDirection((matrix[:3, :3] / image.spacing).ravel().tolist())
    return volume


def a_nifti(path, image, sform=True, version=1, slope=0.0, intercept=0.0):
    """NIfTI with the exact matrix in its sform, which ITK would not write for sheared axes."""
    i, j, k = image.size
    if version == 1:
        header = bytearray(352)
        struct.pack_into("<i", header, 0, 348)
        struct.pack_into("<8h", header, 40, 3, i, j, k, 1, 1, 1, 1)
        struct.pack_into("<2h", header, 70, 4, 16)
        struct.pack_into("<8f", header, 76, 1, *image.spacing, 0, 0, 0, 0)
        struct.pack_into("<3f", header, 108, 352, slope, intercept)
        struct.pack_into("<h", header, 254, int(sform))
        struct.pack_into("<12f", header, 280, *image.ijk_to_ras[:3].ravel())
        header[344:348] = b"n+1\0"
    else:
        header = bytearray(544)
        struct.pack_into("<i8s", header, 0, 540, b"n+2\0\r\n\x1a\n")
        struct.pack_into("<2h", header, 12, 4, 16)
        struct.pack_into("<8q", header, 16, 3, i, j, k, 1, 1, 1, 1)
        struct.pack_into("<8d", header, 104, 1, *image.spacing, 0, 0, 0, 0)
        struct.pack_into("<q2d", header, 168, 544, slope, intercept)
        struct.pack_into("<i", header, 348, int(sform))
        struct.pack_into("<12d", header, 400, *image.ijk_to_ras[:3].ravel())
    content = bytes(header) + image.voxels.astype("<i2").tobytes()
    path.write_bytes(gzip.compress(content) if path.suffix == ".gz" else content)
    return path


def a_dicom_series(folder, image, series="1.2.826.0.1.3680043.2.1125.1", description="Abdomen", modality="CT", positions=None):
    """A series whose slices lie where the image says, gantry tilt and all; named so that the order of names is not that of places."""
    folder.mkdir(exist_ok=True)
    matrix = LPS_FROM_RAS @ image.ijk_to_ras
    axes = matrix[:3, :2] / image.spacing[:2]
    writer = sitk.ImageFileWriter()
    writer.KeepOriginalImageUIDOn()
    for k in range(image.shape[0]):
        position = (matrix @ (0, 0, k if positions is None else positions[k], 1))[:3]
        slice_ = sitk.GetImageFromArray(image.voxels[k : k + 1])
        slice_.SetSpacing(image.spacing)
        direction = np.column_stack([axes, np.cross(axes[:, 0], axes[:, 1])])
        slice_.SetDirection(direction.ravel().tolist())
        slice_.SetOrigin(position.tolist())
        tags = {
            "0008|0016": "1.2.840.10008.5.1.4.1.1.2",
            "0008|0018": f"{series}.{k + 1}",
            "0008|0060": modality,
            "0008|103e": description,
            "0010|0010": "Doe^Jane",
            "0020|000d": "1.2.826.0.1.3680043.2.1125.9",
            "0020|000e": series,
            "0020|0013": str(k + 1),
            "0020|0032": "\\".join(f"{x:.6f}" for x in position),
            "0020|0037": "\\".join(f"{x:.6f}" for x in axes.T.ravel()),
        }
        for key, value in tags.items():
            slice_.SetMetaData(key, value)
        writer.SetFileName(str(folder / f"{series[-1]}_{(k * 7) % 11:02d}.dcm"))
        writer.Execute(slice_)
    return folder


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    angles=st.tuples(*[st.floats(-3, 3)] * 3),
    left_handed=st.booleans(),
    sheared=st.booleans(),
    kind=st.sampled_from(["nrrd", "mha", "nii", "nii.gz"]),
)
def test_every_format_keeps_every_geometry(tmp_path, angles, left_handed, sheared, kind):
    directions = Rotation.from_euler("xyz", angles).as_matrix() @ np.diag([1, 1, -1 if left_handed else 1])
    image = an_image(directions @ SHEAR if sheared else directions)
    path = tmp_path / f"image.{kind}"
    if kind.startswith("nii"):
        a_nifti(path, image)
    else:
        sitk.WriteImage(as_sitk(image), str(path))
    found = read_image(path)
    np.testing.assert_allclose(found.ijk_to_ras, image.ijk_to_ras, atol=2e-3)
    np.testing.assert_array_equal(found.voxels, image.voxels)
    assert found.voxel_ml == pytest.approx(image.voxel_ml, rel=1e-3)


@pytest.mark.parametrize("version", [1, 2])
def test_a_sheared_nifti_is_rescaled(tmp_path, version):
    image = an_image(OBLIQUE @ SHEAR)
    found = read_image(a_nifti(tmp_path / "image.nii.gz", image, version=version, slope=2.0, intercept=-24.0))
    np.testing.assert_allclose(found.voxels, image.voxels * 2.0 - 24)
    assert found.voxels.dtype == np.float32


def test_a_sheared_image_that_was_written_is_read_back(tmp_path):
    image = an_image(OBLIQUE @ SHEAR, np.float32)
    write_volume(tmp_path / "image.nrrd", image)
    found = read_image(tmp_path / "image.nrrd", name="CT")
    assert (found.name, found.voxels.dtype) == ("CT", np.float32)
    np.testing.assert_allclose(found.ijk_to_ras, image.ijk_to_ras, atol=1e-12)
    np.testing.assert_array_equal(found.voxels, image.voxels)


def test_volumes_are_written_as_float32_and_masks_as_bytes(tmp_path):
    image = an_image()
    write_volume(tmp_path / "p.nrrd", image.with_voxels(np.full(image.shape, 0.25)))
    write_volume(tmp_path / "m.nrrd", image.with_voxels(image.voxels > 0))
    assert read_image(tmp_path / "p.nrrd").voxels.dtype == np.float32
    assert read_image(tmp_path / "m.nrrd").voxels.dtype == np.uint8


@pytest.mark.parametrize("sheared", [False, True], ids=["upright", "gantry tilted"])
def test_a_dicom_series_lies_where_its_slices_say(tmp_path, sheared):
    image = an_image(OBLIQUE @ np.array([[1, 0, 0], [0, 1, 0.3], [0, 0, 1]]) if sheared else OBLIQUE)
    found = read_image(a_dicom_series(tmp_path / "series", image))
    np.testing.assert_allclose(found.ijk_to_ras, image.ijk_to_ras, atol=1e-3)
    np.testing.assert_array_equal(found.voxels, image.voxels)
    assert (found.modality, found.uid) == ("CT", "1.2.826.0.1.3680043.2.1125.1")


def test_a_dicom_file_is_read_and_known_as_a_single_slice(tmp_path):
    folder = a_dicom_series(tmp_path / "series", an_image(np.eye(3)))
    image = read_image(next(folder.iterdir()), "CT")
    assert image.modality == "CT"
    with pytest.raises(InputError, match=r"single slice .6×5×1 voxels.. Choose the whole series"):
        check_usable(image, ("CT",))


def test_several_series_are_named_without_the_patient(tmp_path):
    folder = a_dicom_series(tmp_path / "study", an_image())
    a_dicom_series(folder, an_image(), series="1.2.826.0.1.3680043.2.1125.77", description="Scout")
    with pytest.raises(InputError) as error:
        read_image(folder)
    assert "“Abdomen” (4 slices)" in str(error.value)
    assert "“Scout” (4 slices)" in str(error.value)
    assert "Doe" not in str(error.value)


def test_reports_beside_the_images_are_left_alone(tmp_path):
    folder = a_dicom_series(tmp_path / "study", an_image())
    (folder / "notes.txt").write_text("not DICOM")
    (folder / "deeper").mkdir()
    shutil.move(folder / "1_00.dcm", folder / "deeper" / "first.dcm")
    np.testing.assert_array_equal(read_image(folder).voxels, an_image().voxels)


def test_missing_slices_are_noticed(tmp_path):
    with pytest.raises(InputError, match=r"missing or unevenly spaced \(2.50 to 5.00 mm apart\)"):
        read_image(a_dicom_series(tmp_path / "series", an_image(), positions=[0, 1, 3, 4]))


def test_slices_at_the_same_place_are_a_time_series(tmp_path):
    with pytest.raises(InputError, match="several slices lie at the same place"):
        read_image(a_dicom_series(tmp_path / "series", an_image(), positions=[0, 0, 1, 1]))


def test_a_folder_without_dicom_says_so(tmp_path):
    with pytest.raises(InputError, match="holds no DICOM images"):
        read_image(tmp_path)


@pytest.mark.parametrize("kind", ["nrrd", "mha", "nii", "nii.gz"])
def test_a_truncated_file_is_refused(tmp_path, kind):
    path = tmp_path / f"image.{kind}"
    image = Image.from_spacing(np.random.default_rng(0).integers(-9, 9, (16, 16, 16)).astype(np.int16), (1, 1, 1))
    sitk.WriteImage(as_sitk(image), str(path), useCompression=kind == "nrrd")
    assert read_image(path).shape == image.shape
    path.write_bytes(path.read_bytes()[:-700])
    with pytest.raises(InputError, match="damaged or cut short"):
        read_image(path)


def test_a_truncated_sheared_nifti_is_refused(tmp_path):
    path = a_nifti(tmp_path / "image.nii", an_image(OBLIQUE @ SHEAR))
    path.write_bytes(path.read_bytes()[:-10])
    with pytest.raises(InputError, match="damaged or cut short"):
        read_image(path)


@pytest.mark.parametrize(
    ("name", "content", "sentence"),
    [
        ("missing.nrrd", None, "was not found"),
        ("empty.nrrd", b"", r"is empty \(0 bytes\)"),
        ("note.nrrd", b"not an image at all", "is not an image of a known kind"),
        ("note.nii", b"not an image at all", "is not a NIfTI file"),
        ("note.nii.gz", b"not an image at all", "damaged or cut short"),
        ("empty.nii.gz", b"", r"is empty \(0 bytes\)"),
    ],
)
def test_a_file_that_is_no_image_is_named(tmp_path, name, content, sentence):
    if content is not None:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(InputError, match=sentence):
        read_image(tmp_path / name)


def test_a_voxel_size_of_zero_is_named(tmp_path):
    header = b"NRRD0004\ntype: uchar\ndimension: 3\nspace: left-posterior-superior\nsizes: 2 2 2\n"
    header += b"space directions: (0,0,0) (0,1,0) (0,0,1)\nencoding: raw\nspace origin: (0,0,0)\n\n"
    (tmp_path / "flat.nrrd").write_bytes(header + bytes(8))
    with pytest.raises(InputError, match=r"voxel size of zero|broken geometry"):
        read_image(tmp_path / "flat.nrrd")


def test_a_color_picture_has_channels_first(tmp_path):
    sitk.WriteImage(sitk.GetImageFromArray(np.zeros((4, 5, 3), np.uint8), isVector=True), str(tmp_path / "photo.png"))
    image = read_image(tmp_path / "photo.png")
    assert image.voxels.shape == (3, 1, 4, 5)
    with pytest.raises(InputError, match=r"photo.png has 3 values per voxel"):
        check_usable(image)


def test_a_time_series_is_refused(tmp_path):
    series = sitk.JoinSeries([sitk.GetImageFromArray(np.ones((3, 4, 5), np.int16))] * 2)
    sitk.WriteImage(series, str(tmp_path / "four.nii.gz"))
    with pytest.raises(InputError, match=r"four.nii.gz has 2 values per voxel"):
        check_usable(read_image(tmp_path / "four.nii.gz"))


def usable(**changes):
    attributes = {
        "voxels": np.arange(60, dtype=np.float32).reshape(3, 4, 5),
        "spacing": (1, 1, 2),
        "modality": "CT",
        "name": "T2",
    } | changes
    return Image.from_spacing(attributes.pop("voxels"), attributes.pop("spacing"), **attributes)


def test_a_good_image_passes():
    check_usable(usable(), ("CT", "MR"))
    check_usable(usable(modality=""), ("CT", "MR"))
    check_usable(usable(modality="US"))


@pytest.mark.parametrize(
    ("image", "sentence"),
    [
        (usable(modality="US"), r"T2 is ultrasound \(DICOM modality US\), but this needs CT or MR. Choose another image."),
        (usable(modality="PT"), r"T2 is PET \(DICOM modality PT\)"),
        (usable(voxels=np.zeros((0, 4, 5))), "T2 holds no voxels"),
        (usable(voxels=np.ones((1, 1, 1))), "T2 is a single voxel"),
        (usable(voxels=np.arange(20.0).reshape(1, 4, 5)), "T2 is a single slice"),
        (usable(voxels=np.zeros((2, 3, 4, 5))), "T2 has 2 values per voxel"),
        (usable(voxels=np.full((3, 4, 5), 7)), "T2 is empty: every voxel is 7"),
        (usable(voxels=np.where(np.indices((3, 4, 5))[0] == 1, np.nan, 0.0)), "T2 has 20 voxels that are not numbers"),
        (usable(voxels=np.where(np.indices((3, 4, 5))[0] == 1, np.inf, 0.0)), "T2 has 20 voxels that are not numbers"),
        (usable(voxels=np.zeros((3, 4, 5), complex)), "T2 holds complex128 voxels"),
        (usable(spacing=(1, 1, 1000)), "T2 has voxels of 1×1×1000 mm, which cannot be right"),
        (usable(spacing=(0.0001, 1, 1)), "T2 has voxels of 0.0001×1×1 mm"),
    ],
)
def test_what_cannot_be_measured_is_said_with_what_to_do(image, sentence):
    with pytest.raises(InputError, match=sentence):
        check_usable(image, ("CT", "MR"))
