"""Puts a toy in the place of a module's model, with a bundle that passes every check."""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path

from DeepVolumetryLib import modules
from DeepVolumetryLib.bundle import write_manifest

HERE = Path(__file__).parent
TOYS = {
    "renal": ("RenalParenchyma", "ToyRenalLib", "toy_kidneys"),
    "glioma": ("GliomaUncertainty", "ToyGliomaLib", "toy_glioma"),
    "spleen": ("SpleenVolume", "ToySpleenLib", "toy_spleen"),
    "femur": ("FemurQCT", "ToyFemurLib", "toy_femur"),
}
METADATA = {
    "version": "1.0",
    "license": "Apache-2.0",
    "network_data_format": {
        "inputs": {"image": {"num_channels": 1}},
        "outputs": {"pred": {"num_channels": 2, "channel_def": {"0": "background", "1": "kidney"}}},
    },
}


def make(folder: Path, module: str = "renal") -> modules.ModuleEntry:
    """Lay the toy of a module out in a folder as the module is laid out; returns its entry."""
    title, library, name = TOYS[module]
    shutil.copytree(HERE / library, folder / library, ignore=shutil.ignore_patterns("__pycache__"))
    bundle = folder / "Resources" / "Models" / name
    for file, text in {
        "configs/metadata.json": json.dumps(METADATA),
        "models/model.safetensors": "weights",
        "LICENSE": "Apache-2.0",
    }.items():
        (bundle / file).parent.mkdir(parents=True, exist_ok=True)
        (bundle / file).write_text(text, encoding="utf-8")
    (folder / "Resources" / title).mkdir()
    write_manifest(folder / "Resources" / title / "manifest.json", [bundle])
    if str(folder) not in sys.path:
        sys.path.insert(0, str(folder))
    return modules.ModuleEntry(key=module, title=title, library=library)
