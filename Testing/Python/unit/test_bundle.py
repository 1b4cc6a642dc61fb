"""Model bundles: what is verified, what is refused, what is asked."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from bundle_toys import LABELS, make_bundle, metadata
from safetensors.torch import save_file

from DeepVolumetryLib.bundle import Bundle, add_to_manifest, find_bundle, list_bundles, sha256_of_file, write_manifest
from DeepVolumetryLib.bundle.manifest import read_manifest
from DeepVolumetryLib.bundle.store import consent_given, give_consent, open_bundle
from DeepVolumetryLib.errors import ModelError
from DeepVolumetryLib.modules import MODULES

pytestmark = pytest.mark.usefixtures("a_home_of_its_own")


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
