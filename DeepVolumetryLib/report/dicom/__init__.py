"""A result as DICOM objects beside the images that it was measured on; see docs/dicom.md."""

from __future__ import annotations

from .export import write_dicom
from .source import Source, read_source

__all__ = ["Source", "read_source", "write_dicom"]
