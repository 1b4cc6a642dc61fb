"""Making training data and training the networks. See docs/training.md."""

from .run import train

__all__ = ["train"]
