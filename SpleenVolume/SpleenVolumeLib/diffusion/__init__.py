"""USDM: B-mode pictures from a layout (background, fan, spleen) by semantic diffusion.

The idea is DeepSPV's; it conditions a diffusion model on the layout through SPADE normalization (Wang et al. 2022, arXiv 2207.00050).
Network, schedulers and SPADE are MONAI's; sizes, training pictures and weights are ours. It needs the package einops.
"""

from __future__ import annotations

from .sample import Diffusion

__all__ = ["Diffusion"]
