"""Model bundles: what is verified, what is refused, what is asked."""

from __future__ import annotations

import json
import os
import shutil
import stat
import zipfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from DeepVolumetryLib.bundle import (
    Bundle,
    add_to_manifest,
    archive,
    find_bundle,
    import_bundle,
    list_bundles,
    remove_bundle,
    sha256_of_file,
    write_manifest,
)
from DeepVolumetryLib.bundle.manifest import read_manifest
from DeepVolumetryLib.bundle.store import consent_given, give_consent, imported_folder, open_bundle
from DeepVolumetryLib.errors import ModelError, ResourceError
from DeepVolumetryLib.modules import MODULES, ModuleEntry

LABELS = ("background", "kidney")


def metadata(input_channels=1, labels=LABELS, **more):
    channel_def = {str(index): label for index, label in enumerate(labels)}
    return {
        "version": "1.2.0",
        "license": "CC BY 4.0",
        "network_data_format": {
            "inputs": {"image": {"num_channels": input_channels}},
            "outputs": {"pred": {"num_channels": len(labels), "channel_def": channel_def}},
        },
        **more,
    }


def make_bundle(folder: Path, card: str = "Trained on phantoms.", **more) -> Path:
    for name in ("configs", "models", "docs"):
        (folder / name).mkdir(parents=True)
    (folder / "configs" / "metadata.json").write_text(json.dumps(metadata(**more)))
    (folder / "configs" / "inference.json").write_text('{"tile": [96, 96, 96], "network": "$__import__(\'os\').abort()"}')
    save_file({"weight": torch.arange(4, dtype=torch.float16)}, folder / "models" / "model.safetensors")
    (folder / "docs" / "README.md").write_text(card)
    (folder / "LICENSE").write_text("Creative Commons Attribution 4.0\n\n…")
    return folder


@pytest.fixture(autouse=True)
def a_home_of_its_own(tmp_path, monkeypatch):
    monkeypatch.setenv("DEEPVOLUMETRY_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


@pytest.fixture
def a_bundle(tmp_path):
    return make_bundle(tmp_path / "mine" / "my_kidneys")


@pytest.fixture
def a_module(tmp_path, monkeypatch):
    """An installed module with one bundle that ships."""
    root = tmp_path / "installed"
    (root / "BundleToyLib").mkdir(parents=True)
    (root / "BundleToyLib" / "__init__.py").touch()
    shipped = make_bundle(root / "Resources" / "Models" / "shipped_kidneys")
    write_manifest(root / "Resources" / "BundleToy" / "manifest.json", [shipped])
    monkeypatch.syspath_prepend(root)
    return ModuleEntry("bundletoy", "BundleToy", "BundleToyLib")


def zipped(folder: Path, to: Path, top: str = "") -> Path:
    with zipfile.ZipFile(to, "w") as archive_file:
        for path in sorted(folder.rglob("*")):
            archive_file.write(path, top + path.relative_to(folder).as_posix())
    return to


def test_a_verified_bundle_tells_what_it_is_and_gives_its_weights(a_module):
    bundle = open_bundle(a_module)
    assert (bundle.name, bundle.version, bundle.license, bundle.labels) == ("shipped_kidneys", "1.2.0", "CC BY 4.0", LABELS)
    assert bundle.verified and not bundle.requires_consent
    assert bundle.sha256 == sha256_of_file(bundle.path / "models" / "model.safetensors")
    assert bundle.inference["tile"] == [96, 96, 96]
    assert bundle.state_dict()["weight"].tolist() == [0, 1, 2, 3]
    assert Bundle.open(bundle.path).verified, "the manifest is found without being named"


def test_a_bundle_that_others_use_is_not_offered(a_module):
    folder = a_module.models_folder
    make_bundle(folder / "a_helper")
    write_manifest(a_module.manifest_path, [folder / "a_helper", folder / "shipped_kidneys"])
    assert [path.name for path in list_bundles(a_module)] == ["a_helper", "shipped_kidneys"]
    with_helper = replace(a_module, helpers=("a_helper",))
    assert [path.name for path in list_bundles(with_helper)] == ["shipped_kidneys"]
    assert open_bundle(with_helper).name == "shipped_kidneys"


def test_a_bundle_is_added_to_a_manifest_without_touching_the_others(tmp_path):
    one, two = (make_bundle(tmp_path / "Models" / name) for name in ("one", "two"))
    manifest = add_to_manifest(tmp_path / "manifest.json", one)
    first = read_manifest(manifest)
    add_to_manifest(manifest, two)
    assert read_manifest(manifest) == {**first, "two": read_manifest(manifest)["two"]}
    save_file({"w": torch.ones(1)}, one / "models" / "model.safetensors")
    add_to_manifest(manifest, one)
    assert set(read_manifest(manifest)) == {"one", "two"}
    assert read_manifest(manifest)["one"] != first["one"]


def test_the_checksum_of_several_networks_covers_each(tmp_path):
    folder = make_bundle(tmp_path / "two")
    save_file({"w": torch.zeros(1)}, folder / "models" / "localizer.safetensors")
    first = Bundle.open(folder).sha256
    save_file({"w": torch.ones(1)}, folder / "models" / "localizer.safetensors")
    assert Bundle.open(folder).sha256 != first and len(first) == 64
    assert Bundle.open(folder).state_dict("localizer")["w"].tolist() == [1]


def test_weights_that_were_changed_are_refused(a_module):
    weights = a_module.models_folder / "shipped_kidneys" / "models" / "model.safetensors"
    content = bytearray(weights.read_bytes())
    content[-1] ^= 1
    weights.write_bytes(content)
    with pytest.raises(
        ModelError, match=r"model\.safetensors of the model shipped_kidneys is not the one that was checked \(SHA-256 differs\)"
    ):
        open_bundle(a_module)


def test_weights_swapped_between_check_and_load_are_refused(a_module):
    bundle = open_bundle(a_module)
    save_file({"weight": torch.zeros(4)}, bundle.path / "models" / "model.safetensors")
    with pytest.raises(ModelError, match="changed while they were in use"):
        bundle.state_dict()


def test_weights_that_are_missing_added_or_unlisted_are_refused(a_module):
    models = a_module.models_folder / "shipped_kidneys" / "models"
    save_file({"w": torch.zeros(1)}, models / "extra.safetensors")
    with pytest.raises(ModelError, match=r"extra\.safetensors .* is not the one that was checked"):
        open_bundle(a_module)
    (models / "extra.safetensors").unlink()
    save_file({"w": torch.zeros(1)}, models / "other.safetensors")
    (models / "model.safetensors").unlink()
    with pytest.raises(ModelError, match=r"model\.safetensors of the model shipped_kidneys is missing"):
        open_bundle(a_module)
    stray = make_bundle(a_module.models_folder / "stray")
    with pytest.raises(ModelError, match="is in no list of checksums"):
        Bundle.open(stray)


def test_a_damaged_manifest_verifies_nothing(a_module):
    a_module.manifest_path.write_text("{")
    with pytest.raises(ModelError, match="so no model is verified"):
        open_bundle(a_module)


class Exploit:
    def __reduce__(self):
        return os.mkdir, ("pwned",)


@pytest.mark.parametrize("content", ["pickle", "garbage", "a list"])
def test_a_pt_file_that_is_more_than_tensors_is_not_loaded(a_bundle, tmp_path, monkeypatch, content):
    monkeypatch.chdir(tmp_path)
    (a_bundle / "models" / "model.safetensors").unlink()
    file = a_bundle / "models" / "model.pt"
    if content == "pickle":
        torch.save({"weight": Exploit()}, file)
    elif content == "garbage":
        file.write_bytes(b"\x80\x02not a model")
    else:
        torch.save([torch.zeros(1)], file)
    with pytest.raises(ModelError, match="cannot be read as plain tensors"):
        Bundle.open(a_bundle).state_dict()
    assert not (tmp_path / "pwned").exists()


@pytest.mark.parametrize("key", ["", "state_dict", "model"])
def test_a_pt_file_of_tensors_is_loaded(a_bundle, key):
    (a_bundle / "models" / "model.safetensors").unlink()
    state = {"weight": torch.ones(2)}
    torch.save({key: state, "epoch": 3} if key else state, a_bundle / "models" / "model.pt")
    assert Bundle.open(a_bundle).state_dict()["weight"].tolist() == [1, 1]


def test_a_network_that_the_bundle_lacks_is_named(a_bundle):
    with pytest.raises(ModelError, match="has no network “refiner”; it has model"):
        Bundle.open(a_bundle).state_dict("refiner")


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (lambda m: m.pop("version"), "does not state its version"),
        (lambda m: m.pop("network_data_format"), "has no network_data_format"),
        (lambda m: m["network_data_format"].pop("inputs"), "must give inputs.image.num_channels"),
        (lambda m: m["network_data_format"]["inputs"]["image"].update(num_channels=0), "gives 0 as a number of channels"),
        (lambda m: m["network_data_format"]["inputs"]["image"].update(num_channels="one"), "gives 'one' as a number of channels"),
        (lambda m: m["network_data_format"]["outputs"]["pred"].update(num_channels=5), "names 2 labels for 5 output channels"),
        (lambda m: m["network_data_format"]["outputs"]["pred"].update(channel_def={"1": "kidney"}), "must give"),
        (lambda m: m.update(localizer_data_format=None), "localizer_data_format must give"),
    ],
)
def test_metadata_that_lacks_or_contradicts_is_refused(a_bundle, change, sentence):
    content = metadata()
    change(content)
    (a_bundle / "configs" / "metadata.json").write_text(json.dumps(content))
    with pytest.raises(ModelError, match=sentence):
        Bundle.open(a_bundle)


@pytest.mark.parametrize(
    ("content", "sentence"), [("{", "cannot be read as JSON"), ("[]", "is not a JSON object"), (None, "has no configs/metadata.json")]
)
def test_metadata_that_cannot_be_read_is_refused(a_bundle, content, sentence):
    file = a_bundle / "configs" / "metadata.json"
    file.unlink() if content is None else file.write_text(content)
    with pytest.raises(ModelError, match=sentence):
        Bundle.open(a_bundle)


def test_a_folder_that_is_no_bundle_or_has_no_weights_is_refused(tmp_path, a_bundle):
    with pytest.raises(ModelError, match="There is no model at"):
        Bundle.open(tmp_path / "nowhere")
    (a_bundle / "models" / "model.safetensors").unlink()
    with pytest.raises(ModelError, match="has no weights"):
        Bundle.open(a_bundle)


@pytest.mark.parametrize(
    ("card", "more", "asked"),
    [
        ("Trained on phantoms; any use.", {}, False),
        ("Data: KiTS23, CC BY-NC-SA 4.0.", {}, True),
        ("For Non-Commercial use only.", {}, True),
        ("noncommercial research", {}, True),
        ("Trained on phantoms.", {"license": "CC-BY-NC-4.0"}, True),
        ("Trained on phantoms.", {"non_commercial": True}, True),
        ("No non-commercial data was used.", {"non_commercial": False}, False),
    ],
)
def test_the_user_is_asked_once_about_non_commercial_weights(tmp_path, card, more, asked):
    bundle = Bundle.open(make_bundle(tmp_path / "m", card, **more))
    assert bundle.requires_consent is asked
    assert consent_given(bundle) is not asked
    give_consent(bundle)
    assert consent_given(bundle)
    other = tmp_path / "m" / "models" / "model.safetensors"
    save_file({"weight": torch.zeros(1)}, other)
    assert consent_given(Bundle.open(tmp_path / "m")) is not asked, "consent is to these weights, not to the name"


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


def test_a_bundle_that_is_not_there_is_named_with_those_that_are(a_module):
    with pytest.raises(ModelError, match=r"There is no model “gone” for BundleToy\. Installed: shipped_kidneys"):
        find_bundle(a_module, "gone")


def test_shipped_weights_match_their_manifest_and_are_small():
    for entry in MODULES.values():
        for path in list_bundles(entry):
            bundle = open_bundle(entry, path.name)
            for file in bundle.checksums:
                assert (path / file).stat().st_size <= 10_000_000
                content = bundle.state_dict(Path(file).stem)
                full = [value for value in content.values() if value.is_floating_point() and value.dtype != torch.float16]
                if file == "models/volume.safetensors":  # no network: coefficients of regressions need their digits
                    assert {value.dtype for value in full} == {torch.float32} and sum(value.nbytes for value in full) < 500_000
                else:
                    assert not full
                assert all(np.isfinite(value.float().numpy()).all() for value in content.values())
