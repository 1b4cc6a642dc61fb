"""Images from files and into files, in the geometry that the file says, sheared or left-handed as it may be."""

from __future__ import annotations

from .check import check_usable
from .dicom import read_tags
from .read import read_image
from .seg_nrrd import read_segmentation, write_segmentation
from .ultrasound import UltrasoundFrame, read_ultrasound
from .write import sha256_file, write_atomically, write_volume

__all__ = [
    "UltrasoundFrame",
    "check_usable",
    "read_image",
    "read_segmentation",
    "read_tags",
    "read_ultrasound",
    "sha256_file",
    "write_atomically",
    "write_segmentation",
    "write_volume",
]
