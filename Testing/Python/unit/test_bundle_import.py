"""Bundles of users: what is imported from a folder or a zip file, what is refused, what can be removed again."""

from __future__ import annotations

import json
import shutil
import stat
import zipfile
from pathlib import Path

import pytest
import torch
from bundle_toys import make_bundle, metadata
from safetensors.torch import save_file

from DeepVolumetryLib.bundle import archive, find_bundle, import_bundle, list_bundles, remove_bundle
from DeepVolumetryLib.bundle.store import imported_folder, open_bundle
from DeepVolumetryLib.errors import ModelError, ResourceError

pytestmark = pytest.mark.usefixtures("a_home_of_its_own")


def zipped(folder: Path, to: Path, top: str = "") -> Path:
    with zipfile.ZipFile(to, "w") as archive_file:
        for path in sorted(folder.rglob("*")):
            archive_file.write(path, top + path.relative_to(folder).as_posix())
    return to


@pytest.mark.parametrize("form", ["folder", "zip", "zip with a top folder"])
def test_an_imported_bundle_is_listed_verified_and_removed(a_module, a_bundle, tmp_path, form):
    (a_bundle / "scripts").mkdir()
    (a_bundle / "scripts" / "run.py").write_text("raise SystemExit")
    source = a_bundle
    if form != "folder":
        source = zipped(a_bundle, tmp_path / "my_kidneys.zip", "some name/" if "top" in form else "")
    bundle = import_bundle(source, a_module)
    assert bundle.path == imported_folder(a_module) / "my_kidneys" and bundle.verified
    assert bundle.card == "Trained on phantoms." and bundle.license == "CC BY 4.0"
    assert not list(bundle.path.rglob("*.py")), "scripts stay behind"
    assert [path.name for path in list_bundles(a_module)] == ["shipped_kidneys", "my_kidneys"]
    assert open_bundle(a_module, "my_kidneys").verified
    assert find_bundle(a_module).name == "shipped_kidneys"
    remove_bundle("my_kidneys", a_module)
    assert [path.name for path in list_bundles(a_module)] == ["shipped_kidneys"]


def test_an_imported_bundle_that_is_changed_later_is_refused(a_module, a_bundle):
    bundle = import_bundle(a_bundle, a_module)
    save_file({"weight": torch.zeros(4)}, bundle.path / "models" / "model.safetensors")
    with pytest.raises(ModelError, match="SHA-256 differs"):
        open_bundle(a_module, "my_kidneys")


def test_a_name_that_is_taken_is_refused_unless_it_may_be_replaced(a_module, a_bundle, tmp_path):
    first = import_bundle(a_bundle, a_module)
    with pytest.raises(ModelError, match="already imported"):
        import_bundle(a_bundle, a_module)
    save_file({"weight": torch.zeros(4)}, a_bundle / "models" / "model.safetensors")
    assert import_bundle(a_bundle, a_module, replace=True).sha256 != first.sha256
    with pytest.raises(ModelError, match="ships with BundleToy"):
        import_bundle(shutil.copytree(a_bundle, tmp_path / "shipped_kidneys"), a_module)


@pytest.mark.parametrize(
    ("more", "sentence"),
    [
        ({"input_channels": 4}, "takes 4 input channels but this module has 1"),
        ({"labels": ("background", "spleen")}, "labels are background, spleen but this module needs background, kidney"),
        ({"labels": ("kidney", "background")}, "labels are kidney, background"),
    ],
)
def test_a_bundle_for_other_channels_or_labels_is_refused_and_leaves_no_trace(a_module, tmp_path, more, sentence):
    bundle = make_bundle(tmp_path / "other", **more)
    with pytest.raises(ModelError, match=sentence):
        import_bundle(bundle, a_module)
    assert not list(imported_folder(a_module).iterdir())
    with pytest.raises(ModelError, match=sentence):
        open_bundle(a_module, bundle)


def test_a_bundle_that_lacks_a_network_of_the_module_is_refused(a_module, a_bundle):
    shipped = a_module.models_folder / "shipped_kidneys"
    content = metadata()
    content["localizer_data_format"] = content["network_data_format"]
    (shipped / "configs" / "metadata.json").write_text(json.dumps(content))
    with pytest.raises(ModelError, match="has no localizer_data_format, which this module needs"):
        import_bundle(a_bundle, a_module)


@pytest.mark.parametrize(
    "name", ["../outside.txt", "a/../../outside.txt", "/outside.txt", "..\\outside.txt", "C:\\outside.txt", "C:outside.txt"]
)
def test_a_zip_that_would_write_outside_is_refused(a_module, a_bundle, tmp_path, name):
    file = zipped(a_bundle, tmp_path / "evil.zip")
    with zipfile.ZipFile(file, "a") as archive_file:
        archive_file.writestr(name, "x")
    with pytest.raises(ModelError, match="would write outside its folder"):
        import_bundle(file, a_module)
    assert not list(tmp_path.rglob("outside.txt")) and not Path("/outside.txt").exists()


def test_a_link_in_a_zip_or_folder_is_refused(a_module, a_bundle, tmp_path):
    file = zipped(a_bundle, tmp_path / "link.zip")
    info = zipfile.ZipInfo("models/other.safetensors")
    info.external_attr = (stat.S_IFLNK | 0o777) << 16
    with zipfile.ZipFile(file, "a") as archive_file:
        archive_file.writestr(info, "/etc/passwd")
    with pytest.raises(ModelError, match="contains a link"):
        import_bundle(file, a_module)
    (a_bundle / "models" / "other.safetensors").symlink_to("/etc/passwd")
    with pytest.raises(ModelError, match="contains a link"):
        import_bundle(a_bundle, a_module)


@pytest.mark.parametrize("content", [b"", b"not a zip", b"PK\x03\x04 cut off"])
def test_a_file_that_is_no_zip_is_refused(a_module, tmp_path, content):
    file = tmp_path / "broken.zip"
    file.write_bytes(content)
    with pytest.raises(ModelError, match=r"broken\.zip cannot be read as a zip file"):
        import_bundle(file, a_module)


def test_a_zip_with_a_damaged_file_is_refused(a_module, a_bundle, tmp_path):
    file = zipped(a_bundle, tmp_path / "damaged.zip")
    content = bytearray(file.read_bytes())
    at = content.index((a_bundle / "models" / "model.safetensors").read_bytes())
    content[at + 5] ^= 255
    file.write_bytes(content)
    with pytest.raises(ModelError, match="cannot be read as a zip file"):
        import_bundle(file, a_module)


def test_a_bundle_that_is_too_large_is_refused_whatever_it_claims(a_module, a_bundle, tmp_path, monkeypatch):
    monkeypatch.setattr(archive, "MAX_BYTES", 1 << 20)
    save_file({"weight": torch.zeros(1 << 20)}, a_bundle / "models" / "model.safetensors")
    with pytest.raises(ModelError, match="larger than"):
        import_bundle(a_bundle, a_module)
    file = tmp_path / "bomb.zip"
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive_file:
        archive_file.writestr("configs/metadata.json", json.dumps(metadata()))
        archive_file.writestr("docs/README.md", b" " * (32 << 20))
    monkeypatch.setattr(archive, "MAX_BYTES", 1 << 30)
    with pytest.raises(ModelError, match=r"docs/README\.md of the model is larger than 16 MB"):
        import_bundle(file, a_module)


def test_a_zip_of_too_many_files_or_of_two_models_is_refused(a_module, a_bundle, tmp_path, monkeypatch):
    both = tmp_path / "both"
    shutil.copytree(a_bundle, both / "a")
    shutil.copytree(a_bundle, both / "b")
    with pytest.raises(ModelError, match="More than one model"):
        import_bundle(both, a_module)
    monkeypatch.setattr(archive, "MAX_FILES", 3)
    with pytest.raises(ModelError, match="more than 3 files"):
        import_bundle(zipped(a_bundle, tmp_path / "many.zip"), a_module)
    with pytest.raises(ModelError, match="more than 3 files"):
        import_bundle(a_bundle, a_module)


@pytest.mark.parametrize("name", ["con fusing", ".hidden", "näme"])
def test_a_name_that_is_no_folder_name_everywhere_is_refused(a_module, a_bundle, tmp_path, name):
    with pytest.raises(ModelError, match="A model cannot be named"):
        import_bundle(shutil.copytree(a_bundle, tmp_path / name), a_module)


def test_what_is_no_bundle_is_not_imported(a_module, tmp_path):
    with pytest.raises(ModelError, match="There is no file or folder"):
        import_bundle(tmp_path / "nowhere", a_module)
    (tmp_path / "empty").mkdir()
    with pytest.raises(ModelError, match="so this is not a MONAI bundle"):
        import_bundle(tmp_path / "empty", a_module)


def test_a_bundle_whose_weights_cannot_be_read_is_not_imported(a_module, a_bundle):
    (a_bundle / "models" / "model.safetensors").write_bytes(b"\xff" * 64)
    with pytest.raises(ModelError, match="cannot be read as plain tensors"):
        import_bundle(a_bundle, a_module)
    assert list_bundles(a_module) == [a_module.models_folder / "shipped_kidneys"]


def test_a_full_disk_is_said_before_anything_is_written(a_module, a_bundle, monkeypatch):
    usage = shutil.disk_usage("/")
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage._replace(free=10))
    with pytest.raises(ResourceError, match="Free some space and import it again"):
        import_bundle(a_bundle, a_module)
    assert not list(imported_folder(a_module).iterdir())


def test_only_imported_bundles_can_be_removed(a_module, a_bundle):
    import_bundle(a_bundle, a_module)
    for name in ("shipped_kidneys", "..", "", "nothing", "manifest.json"):
        with pytest.raises(ModelError, match=r"No imported model of BundleToy is named .* Imported: my_kidneys"):
            remove_bundle(name, a_module)
