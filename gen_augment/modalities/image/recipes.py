"""Classic augmentations of a batch of images and its soft labels.

Each takes images (B, C, H, W) in [-1, 1] and labels (B, n_classes) that sum to 1, and draws from
torch's global generator, which a study seeds. Colours of a fourth channel, such as alpha, stay as
they are. torchvision is imported by the functions that need it, since its import is slow.
"""

import math
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

import numpy as np
import torch
from torch import Tensor

from gen_augment.errors import MissingDependencyError
from gen_augment.modalities.base import BatchStep
from gen_augment.modalities.image.diffaugment import SMALL_SHIFT, diff_augment

__all__ = [
    "RECIPES",
    "augmix",
    "classic",
    "cutmix",
    "cutout",
    "flip",
    "mixup",
    "operations",
    "randaugment",
    "shift",
]


def shift(x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
    """Translate each image by up to 1/14 of each side, rounded: one pixel of 8, two of 28."""
    return diff_augment(x, shift=SMALL_SHIFT, cutout=0), y


def flip(x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
    """Mirror half of the images left to right."""
    mirrored = torch.rand(len(x), 1, 1, 1, device=x.device) < 0.5
    return torch.where(mirrored, x.flip(-1), x), y


def cutout(x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
    """Set a random square of half the side to grey (DeVries and Taylor 2017, arXiv:1708.04552)."""
    return diff_augment(x, shift=0, cutout=0.5), y


def mixup(x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
    """Mix images and labels by Beta(0.4, 0.4) (Zhang et al. 2018, arXiv:1710.09412)."""
    from torchvision.transforms import v2

    mixed: tuple[Tensor, Tensor] = v2.MixUp(alpha=0.4, num_classes=y.shape[1])(x, y)
    return mixed


def cutmix(x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
    """Paste patches of other images, with Beta(1, 1) (Yun et al. 2019, arXiv:1905.04899)."""
    from torchvision.transforms import v2

    mixed: tuple[Tensor, Tensor] = v2.CutMix(alpha=1.0, num_classes=y.shape[1])(x, y)
    return mixed


def randaugment(x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
    """Apply two random operations to each image (Cubuk et al. 2020, arXiv:1909.13719).

    The operations are those of torchvision's RandAugment at magnitude 9, which draws them once for
    a whole batch.
    """
    images = _as_bytes(x)
    for _ in range(2):
        drawn, sign = (
            torch.randint(len(operations()), (len(x),)),
            torch.randint(2, (len(x),)) * 2 - 1,
        )
        sign[drawn < _N_UNSIGNED] = 1
        for number, signed in set(zip(drawn.tolist(), sign.tolist(), strict=True)):
            mine = torch.nonzero((drawn == number) & (sign == signed)).squeeze(1).to(x.device)
            images[mine] = _apply(number, images[mine], signed)
    return _as_floats(images), y


def _shear(x: Tensor, horizontal: float, vertical: float) -> Tensor:
    from torchvision.transforms.v2 import functional as F

    degrees = [math.degrees(math.atan(horizontal)), math.degrees(math.atan(vertical))]
    moved: Tensor = F.affine(
        x, angle=0.0, translate=[0, 0], scale=1.0, shear=degrees, center=[0, 0]
    )
    return moved


def _translate(x: Tensor, horizontal: float, vertical: float) -> Tensor:
    from torchvision.transforms.v2 import functional as F

    pixels = [int(horizontal * x.shape[-1]), int(vertical * x.shape[-2])]
    moved: Tensor = F.affine(x, angle=0.0, translate=pixels, scale=1.0, shear=[0.0, 0.0])
    return moved


@cache
def operations() -> tuple[Callable[[Tensor, int], Tensor], ...]:
    """Return RandAugment's operations on uint8 images and a sign.

    The magnitude is 9 of 30: 0.3 of the largest.
    """
    from torchvision.transforms.v2 import functional as F

    return (
        lambda x, _: x,
        lambda x, _: F.posterize(x, bits=7),
        lambda x, _: F.solarize(x, threshold=255 * 0.7),
        lambda x, _: F.autocontrast(x),
        lambda x, _: F.equalize(x),
        lambda x, sign: _shear(x, 0.3 * 0.3 * sign, 0),
        lambda x, sign: _shear(x, 0, 0.3 * 0.3 * sign),
        lambda x, sign: _translate(x, 0.3 * 150 / 331 * sign, 0),
        lambda x, sign: _translate(x, 0, 0.3 * 150 / 331 * sign),
        lambda x, sign: F.rotate(x, angle=0.3 * 30 * sign),
        lambda x, sign: F.adjust_brightness(x, 1 + 0.3 * 0.9 * sign),
        lambda x, sign: F.adjust_saturation(x, 1 + 0.3 * 0.9 * sign),
        lambda x, sign: F.adjust_contrast(x, 1 + 0.3 * 0.9 * sign),
        lambda x, sign: F.adjust_sharpness(x, 1 + 0.3 * 0.9 * sign),
    )


#: Operations without a sign, which come first, and those that move pixels.
_N_UNSIGNED, _GEOMETRIC = 5, (0, 5, 6, 7, 8, 9)


def _apply(number: int, images: Tensor, sign: int) -> Tensor:
    """Apply an operation; of four channels, colour operations change the first three."""
    operation = operations()[number]
    if images.shape[1] != 4 or number in _GEOMETRIC:
        return operation(images, sign)
    return torch.cat([operation(images[:, :3], sign), images[:, 3:]], dim=1)


def augmix(x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
    """Blend each image with three chains of random operations (Hendrycks et al. 2020).

    This is torchvision's AugMix with its defaults, drawn for each image (arXiv:1912.02781). The
    operations include brightness, contrast, colour and sharpness, as those of RandAugment do. The
    paper leaves these four out. It also adds a Jensen-Shannon loss over three versions of each
    image, which a recipe cannot have. A fourth channel stays as it is.
    """
    from torchvision.transforms import v2

    images, mix = _as_bytes(x), v2.AugMix()
    changed = torch.stack([mix(image[:3]) for image in images])
    return _as_floats(torch.cat([changed, images[:, 3:]], dim=1)), y


def classic(x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
    """Apply albumentations: small affine maps, brightness and contrast, noise, and a hole."""
    compose = _classic_recipe()
    compose.set_random_seed(int(torch.randint(2**31, ())))
    images = _as_bytes(x).permute(0, 2, 3, 1).cpu().numpy()
    changed = np.stack([compose(image=np.ascontiguousarray(image))["image"] for image in images])
    return _as_floats(torch.from_numpy(changed).permute(0, 3, 1, 2)).to(x.device), y


@cache
def _classic_recipe() -> Any:
    try:
        import albumentations as A
    except ImportError as error:
        raise MissingDependencyError(
            "the recipe 'albumentations' needs albumentations: "
            "pip install 'gen_augment[albumentations]'."
        ) from error
    return A.Compose(
        [
            A.Affine(translate_percent=(-0.08, 0.08), scale=(0.9, 1.1), rotate=(-10, 10), p=0.8),
            A.RandomBrightnessContrast(0.15, 0.15, p=0.5),
            A.GaussNoise(std_range=(0.01, 0.05), p=0.3),
            A.CoarseDropout(
                num_holes_range=(1, 1),
                hole_height_range=(0.1, 0.3),
                hole_width_range=(0.1, 0.3),
                p=0.3,
            ),
        ]
    )


def _as_bytes(x: Tensor) -> Tensor:
    return ((x.clamp(-1, 1) + 1) * 127.5).round().to(torch.uint8)


def _as_floats(x: Tensor) -> Tensor:
    return x.float() / 127.5 - 1


RECIPES: Mapping[str, BatchStep] = {
    "shift": shift,
    "flip": flip,
    "cutout": cutout,
    "mixup": mixup,
    "cutmix": cutmix,
    "randaugment": randaugment,
    "augmix": augmix,
    "albumentations": classic,
}
