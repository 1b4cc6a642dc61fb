"""Errors that a user is meant to read: one sentence saying what is wrong and what to do.

Each class carries the exit code that the command line answers with.
"""

from __future__ import annotations


class DeepVolumetryError(Exception):
    """Base of every error whose text is written for the user."""

    exit_code = 1


class InputError(DeepVolumetryError):
    """The input or the options are wrong; nothing was changed."""

    exit_code = 2


class ModelError(DeepVolumetryError):
    """A model is missing or fails its check."""

    exit_code = 3


class ResourceError(DeepVolumetryError):
    """Not enough memory or disk space."""

    exit_code = 4


class Cancelled(DeepVolumetryError):
    """The user stopped the run."""

    exit_code = 130

    def __init__(self, message: str = "Cancelled. Nothing was changed.") -> None:
        super().__init__(message)
