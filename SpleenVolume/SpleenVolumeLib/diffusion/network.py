"""The denoising network: MONAI's SPADE diffusion U-Net on blocks of pixels.

Blocks of 2 × 2 pixels go in and come out as channels, so that it works at 32 × 32 for pictures of 64 × 64, as one CPU core can train. The
layout goes in at full detail, as channels too.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from torch.nn import Module
from torch.nn.functional import pixel_shuffle, pixel_unshuffle

from DeepVolumetryLib.errors import ModelError

if TYPE_CHECKING:
    from monai.networks.schedulers import DDIMScheduler, DDPMScheduler

SIZE, BLOCK = 64, 2
LAYOUT = ("background", "fan", "spleen")
STEPS = 1000
_SCHEDULE = {"num_train_timesteps": STEPS, "schedule": "scaled_linear_beta", "prediction_type": "v_prediction", "clip_sample": True}


def architecture() -> dict[str, Any]:
    """Arguments of MONAI's SPADEDiffusionModelUNet; written into the bundle, so that it can be rebuilt."""
    return {
        "spatial_dims": 2,
        "in_channels": BLOCK**2,
        "out_channels": BLOCK**2,
        "label_nc": len(LAYOUT) * BLOCK**2,
        "num_res_blocks": 1,
        "channels": [32, 64, 96],
        "attention_levels": [False, False, False],
        "norm_num_groups": 16,
        "num_head_channels": 32,
        "spade_intermediate_channels": 32,
    }


class Denoiser(Module):
    """One tensor in, as the training loop wants it: noisy picture, layout and time as channels.

    Args:
        arguments: of ``architecture``.
    """

    def __init__(self, arguments: dict[str, Any] | None = None) -> None:
        super().__init__()
        _require_einops()
        from monai.networks.nets import SPADEDiffusionModelUNet

        self.unet = SPADEDiffusionModelUNet(**(arguments or architecture()))

    def forward(self, packed: torch.Tensor) -> torch.Tensor:
        """Velocity (Salimans and Ho 2022) of the picture, (N, 1, J, I).

        Args:
            packed: (N, 5, J, I): picture, layout (3), time step / 1000 everywhere.
        """
        picture, layout, time = packed[:, :1], packed[:, 1:4], packed[:, 4].amax((1, 2)) * STEPS
        made = self.unet(pixel_unshuffle(picture, BLOCK), time, seg=pixel_unshuffle(layout, BLOCK))
        return pixel_shuffle(made, BLOCK)


def pack(picture: torch.Tensor, layout: torch.Tensor, steps: torch.Tensor) -> torch.Tensor:
    """Input of ``Denoiser`` from (N, 1, J, I), (N, 3, J, I) and (N,)."""
    time = (steps.float() / STEPS)[:, None, None, None].expand(-1, 1, *picture.shape[-2:])
    return torch.cat([picture, layout, time], 1)


def training_scheduler() -> DDPMScheduler:
    """DDPM (Ho et al. 2020) with the noise of ``STEPS`` steps."""
    from monai.networks.schedulers import DDPMScheduler

    return DDPMScheduler(**_SCHEDULE)


def sampling_scheduler(steps: int) -> DDIMScheduler:
    """DDIM (Song et al. 2021) over some of the steps."""
    from monai.networks.schedulers import DDIMScheduler

    scheduler = DDIMScheduler(**_SCHEDULE)
    scheduler.set_timesteps(steps)
    return scheduler


def _require_einops() -> None:
    try:
        import einops  # noqa: F401  # MONAI needs it for this network only
    except ModuleNotFoundError as error:
        raise ModelError("USDM needs the Python package einops. Install it: pip install einops.") from error
