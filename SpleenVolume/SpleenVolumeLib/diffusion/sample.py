"""Pictures from layouts."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import NDArray

from ..simulator import Simulated
from ..simulator.fans import place
from ..simulator.layout import distance_at, signed_distance
from .framing import one_hot
from .network import SIZE, Denoiser, pack, sampling_scheduler

if TYPE_CHECKING:
    from DeepVolumetryLib.bundle import Bundle

STEPS = 25
GUIDANCE = 3.0
"""How far a step goes beyond what a layout without the spleen would give: the guidance of Ho and Salimans (2022, arXiv 2207.12598),
with the empty layout in place of none (ours). A briefly trained network barely keeps to its layout without it."""


class Diffusion:
    """Draws B-mode pictures of given layouts.

    Args:
        network: trained.
        device: where it runs.
    """

    def __init__(self, network: Denoiser, device: str = "cpu") -> None:
        self.network, self.device = network.eval().to(device), device

    @classmethod
    def from_bundle(cls, bundle: Bundle, device: str = "cpu") -> Diffusion:
        """The network of the bundle ``spleen_usdm``."""
        network = Denoiser(bundle.inference["networks"]["usdm"])
        network.load_state_dict(bundle.state_dict("usdm"))
        return cls(network.float(), device)

    def sample(self, layouts: NDArray[np.float32], seed: int = 0, steps: int = STEPS, guidance: float = GUIDANCE) -> NDArray[np.uint8]:
        """Pictures (N, 64, 64) of layouts (N, 3, 64, 64); 0 outside of the fan. The same for the same seed."""
        layout = torch.from_numpy(layouts).to(self.device)
        empty = torch.stack([layout[:, 0], layout[:, 1] + layout[:, 2], torch.zeros_like(layout[:, 2])], 1)
        generator = torch.Generator().manual_seed(seed)
        picture = torch.randn((len(layouts), 1, SIZE, SIZE), generator=generator).to(self.device)
        scheduler = sampling_scheduler(steps)
        with torch.inference_mode():
            for step in scheduler.timesteps:
                times = torch.full((len(layouts),), int(step), device=self.device)
                velocity = self.network(pack(picture, layout, times)).float()
                if guidance != 1:
                    without = self.network(pack(picture, empty, times)).float()
                    velocity = without + guidance * (velocity - without)
                picture, _ = scheduler.step(velocity, int(step), picture)
        gray = np.clip(np.rint((picture[:, 0].cpu().numpy() + 1) * 127.5), 0, 255).astype(np.uint8)
        return np.where(layouts[:, 0] >= 0.5, 0, gray).astype(np.uint8)

    def simulate(self, spleen: NDArray[np.bool_], rng: np.random.Generator, whole: float = 1.0, steps: int = STEPS) -> Simulated:
        """A picture of a spleen, as ``simulator.simulate`` makes one; 64 × 64 pixels.

        Args:
            spleen: mask on a 1 mm grid in ultrasound orientation.
            rng: draws fan, place and noise.
            whole: share of the spleen that the fan must hold.
            steps: of the sampling.

        Raises:
            ValueError: if the mask is empty.
        """
        if not spleen.any():
            raise ValueError("the mask of the spleen is empty")
        placed = place(spleen, rng, whole)
        y0, y1, x0, x1 = placed.fan.box
        side = max(y1 - y0, x1 - x0) * 1.03
        step = side / SIZE
        fine = 4  # points across a pixel, to find shares
        axis = (np.arange(SIZE * fine, dtype=np.float32) + 0.5) * np.float32(step / fine) - np.float32(side / 2)
        y, x = np.meshgrid(axis + np.float32((y0 + y1) / 2), axis + np.float32((x0 + x1) / 2), indexing="ij")
        fan = placed.fan.holds(x, y)
        inside = (distance_at(signed_distance(spleen), placed, x, y) > 0) & fan
        share = [mask.reshape(SIZE, fine, SIZE, fine).mean((1, 3), dtype=np.float32) for mask in (fan, inside)]
        gray = self.sample(one_hot(*share)[None], int(rng.integers(2**31)), steps)[0]
        return Simulated(gray, (step, step), share[1] > 0.5, share[0] > 0.5)
