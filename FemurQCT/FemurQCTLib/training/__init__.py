"""Training of the two networks on hips that are composed while training."""

from .run import train

__all__ = ["train"]
