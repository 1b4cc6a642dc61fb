"""Puts the toy in the place of RenalParenchyma's model, with a bundle that passes every check."""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path

from DeepVolumetryLib import modules
from DeepVolumetryLib.bundle import write_manifest

HERE = Path(__file__).parent
METADATA = {
    "version": "1.0",
    "license": "Apache-2.0",
    "network_data_format": {
        "inputs": {"image": {"num_channels": 1}},
        "outputs": {"pred": {"num_channels": 2, "channel_def": {"0": "background", "1": "kidney"}}},
    },
}


def make(folder: Path) -> modules.ModuleEntry:
    """Lay the toy out in a folder as a module is laid out; returns its entry."""
    shutil.copytree(HERE / "ToyRenalLib", folder / "ToyRenalLib", ignore=shutil.ignore_patterns("__pycache__"))
    bundle = folder / "Resources" / "Models" / "toy_kidneys"
    for name, text in {
        "configs/metadata.json": json.dumps(METADATA),
        "models/model.safetensors": "weights",
        "LICENSE": "Apache-2.0",
    }.items():
        (bundle / name).parent.mkdir(parents=True, exist_ok=True)
        (bundle / name).write_text(text, encoding="utf-8")
    (folder / "Resources" / "RenalParenchyma").mkdir()
    write_manifest(folder / "Resources" / "RenalParenchyma" / "manifest.json", [bundle])
    if str(folder) not in sys.path:
        sys.path.insert(0, str(folder))
    return modules.ModuleEntry(key="renal", title="RenalParenchyma", library="ToyRenalLib")
