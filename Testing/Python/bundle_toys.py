"""A small bundle with a few numbers in place of weights: nothing is trained, and any part of it can be made wrong."""

from __future__ import annotations

import json
from pathlib import Path

LABELS = ("background", "kidney")


def metadata(input_channels=1, labels=LABELS, **more):
    """What the bundle says about itself; more are further entries, or others for these."""
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
    """A bundle in a new folder; more goes to ``metadata``."""
    import torch
    from safetensors.torch import save_file

    for name in ("configs", "models", "docs"):
        (folder / name).mkdir(parents=True)
    (folder / "configs" / "metadata.json").write_text(json.dumps(metadata(**more)))
    (folder / "configs" / "inference.json").write_text('{"tile": [96, 96, 96], "network": "$__import__(\'os\').abort()"}')
    save_file({"weight": torch.arange(4, dtype=torch.float16)}, folder / "models" / "model.safetensors")
    (folder / "docs" / "README.md").write_text(card)
    (folder / "LICENSE").write_text("Creative Commons Attribution 4.0\n\n…")
    return folder
