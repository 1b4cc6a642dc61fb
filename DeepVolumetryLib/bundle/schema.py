"""What ``configs/metadata.json`` of a bundle must say: MONAI's bundle metadata, as far as this project relies on it.

``network_data_format`` describes the network that gives the result. A bundle of several networks describes each in
``<weight file>_data_format`` ("localizer_data_format"), as MONAI's own bundles of several networks do.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ..errors import ModelError

_FORMAT = "_data_format"
_MAIN = "network"
_NON_COMMERCIAL = re.compile(r"non[-\s\u2010\u2011]?commercial|\bby[-\s]nc\b|\bnc[-\s](?:sa|nd)\b", re.IGNORECASE)


@dataclass(frozen=True)
class NetworkFormat:
    """What goes into a network and what comes out: channel counts and the meaning of each output channel."""

    input_channels: int
    output_channels: int
    labels: tuple[str, ...]


def read_formats(metadata: Mapping[str, Any]) -> dict[str, NetworkFormat]:
    """Network name -> format; "network" is the one that gives the result.

    Raises:
        ModelError: naming the first thing that is missing or contradicts itself.
    """
    if not isinstance(metadata, Mapping):
        raise ModelError("The model's metadata.json is not a JSON object. Use a MONAI bundle.")
    if not isinstance(metadata.get("version"), str) or not metadata["version"]:
        raise ModelError('The model\'s metadata.json does not state its version. Add "version": "1.0.0".')
    if _MAIN + _FORMAT not in metadata:
        raise ModelError("The model's metadata.json has no network_data_format with its channels and labels. Use a MONAI bundle.")
    return {key[: -len(_FORMAT)]: _read_format(key, value) for key, value in metadata.items() if key.endswith(_FORMAT)}


def _read_format(key: str, value: Any) -> NetworkFormat:
    try:
        inputs, outputs = value["inputs"], value["outputs"]
        image = inputs.get("image") or next(iter(inputs.values()))
        prediction = outputs.get("pred") or next(iter(outputs.values()))
        input_channels, output_channels = image["num_channels"], prediction["num_channels"]
        channel_def = prediction["channel_def"]
        labels = tuple(str(channel_def[str(index)]) for index in range(len(channel_def)))
    except (KeyError, TypeError, AttributeError, StopIteration):
        raise ModelError(
            f"The model's {key} must give inputs.image.num_channels, outputs.pred.num_channels and outputs.pred.channel_def "
            'with labels for "0", "1", …'
        ) from None
    for count in (input_channels, output_channels):
        if not isinstance(count, int) or isinstance(count, bool) or count < 1:
            raise ModelError(f"The model's {key} gives {count!r} as a number of channels. It must be 1 or more.")
    if len(labels) != output_channels:
        raise ModelError(f"The model's {key} names {len(labels)} labels for {output_channels} output channels. Name every channel.")
    return NetworkFormat(input_channels, output_channels, labels)


def check_same_use(candidate: Mapping[str, NetworkFormat], wanted: Mapping[str, NetworkFormat]) -> None:
    """Raise ModelError unless the candidate can stand in for the model that ships: same networks, channels and labels."""
    for network, want in wanted.items():
        have = candidate.get(network)
        if have is None:
            raise ModelError(f"The model has no {network}{_FORMAT}, which this module needs. Import a model that was made for it.")
        if have.input_channels != want.input_channels:
            raise ModelError(
                f"The model takes {have.input_channels} input channels but this module has {want.input_channels}. "
                "Import a model that was made for it."
            )
        if have.labels != want.labels:
            raise ModelError(
                f"The model's labels are {', '.join(have.labels)} but this module needs {', '.join(want.labels)}. "
                "Import a model that was made for it."
            )


def says_non_commercial(metadata: Mapping[str, Any], texts: list[str]) -> bool:
    """True if the weights came from data that may not be used commercially.

    A boolean ``non_commercial`` in the metadata is the author's plain answer; without it the card and the license are
    read, and any mention counts.
    """
    stated = metadata.get("non_commercial")
    if isinstance(stated, bool):
        return stated
    texts = [*texts, *(str(metadata.get(key, "")) for key in ("license", "data_license", "copyright"))]
    return any(_NON_COMMERCIAL.search(text) for text in texts)
