"""The same refiner run as MONAI's bundles run theirs: Spacingd, a sliding window, Invertd.

RenalParenchyma is measured against this. MONAI's Orientationd would need nibabel; `Image.canonical` does the same at no cost.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch
from monai.data import MetaTensor
from monai.inferers import SlidingWindowInferer
from monai.transforms import Activationsd, AsDiscreted, Compose, Invertd, Lambdad, MapTransform, ResampleToMatchd, Spacingd
from torch.nn import functional

from DeepVolumetryLib.engine.device import inference
from RenalParenchymaLib.intensity import normalized
from RenalParenchymaLib.networks import REFINER_MM, STRIDE

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from DeepVolumetryLib.engine.device import Device
    from DeepVolumetryLib.image import Image

WINDOW = 96
OVERLAP = 0.5


def whole_volume(network: torch.nn.Module, device: Device, image: Image) -> NDArray[np.uint8]:
    """Labels (K, J, I) of the whole scan: windows of 96 voxels that overlap by half, blended with Gaussian weights."""
    spacing = Spacingd("image", pixdim=(REFINER_MM,) * 3, mode="bilinear", padding_mode="border")
    return _run(network, device, image, spacing, {}, (WINDOW,) * 3)


def same_window(
    network: torch.nn.Module, device: Device, image: Image, grid: Image, sampled: NDArray[np.float32] | None = None
) -> NDArray[np.uint8]:
    """Labels of the whole scan from a single window: the grid around one kidney that RenalParenchyma takes.

    MONAI resamples linearly and so sees single voxels where the grid is coarser than the scan; ``sampled`` (k, j, i) are
    other voxels on the grid to use instead.
    """
    there = MetaTensor(torch.zeros(1, *grid.size), affine=torch.from_numpy(np.array(grid.ijk_to_ras)))
    resample = ResampleToMatchd("image", key_dst="grid", mode="bilinear", padding_mode="zeros")
    return _run(network, device, image, resample, {"grid": there}, grid.size, sampled)


def _run(
    network: torch.nn.Module,
    device: Device,
    image: Image,
    resample: MapTransform,
    more: dict[str, MetaTensor],
    window: tuple[int, ...],
    sampled: NDArray[np.float32] | None = None,
) -> NDArray[np.uint8]:
    oriented = image.canonical()
    lowest = float(oriented.voxels.min())  # taken off and put back, so that what lies outside of the scan gets it too

    def scaled(voxels: torch.Tensor) -> torch.Tensor:
        seen = voxels.numpy() + np.float32(lowest) if sampled is None else sampled.T[None]
        return voxels.new_tensor(normalized(seen, image.modality))

    before = Compose([resample, Lambdad("image", scaled, inv_func=lambda voxels: voxels)])
    after = Compose(
        [
            Activationsd("pred", softmax=True),
            Invertd("pred", transform=before, orig_keys="image", nearest_interp=False, to_tensor=True),
            AsDiscreted("pred", argmax=True),
        ]
    )
    voxels = torch.from_numpy(np.ascontiguousarray(oriented.voxels.T, dtype=np.float32))[None] - lowest
    with inference(device):
        data = before({"image": MetaTensor(voxels, affine=torch.from_numpy(np.array(oriented.ijk_to_ras))), **more})
        inferer = SlidingWindowInferer(window, sw_batch_size=1, overlap=OVERLAP, mode="gaussian", cval=float(data["image"].min()))

        def predict(patch: torch.Tensor) -> torch.Tensor:
            # The axes of MONAI's tensors are I, J, K here; the network was trained on K, J, I and wants multiples of its stride.
            volume = (patch.as_tensor() if isinstance(patch, MetaTensor) else patch).transpose(2, 4)
            k, j, i = volume.shape[2:]
            batch = functional.pad(volume, (0, -i % STRIDE, 0, -j % STRIDE, 0, -k % STRIDE), value=float(volume.min()))
            batch = batch.contiguous(memory_format=torch.channels_last_3d)
            return network(batch).float()[:, :, :k, :j, :i].transpose(2, 4)

        data["pred"] = inferer(data["image"][None], predict)[0]
        labels = after(data)["pred"][0]
    return oriented.with_voxels(labels.as_tensor().to(torch.uint8).numpy().T).resampled(image, order=0).voxels
