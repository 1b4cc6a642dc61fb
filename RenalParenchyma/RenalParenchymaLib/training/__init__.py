"""Training of the two networks on images synthesized from label maps."""

from .run import train

__all__ = ["train"]
