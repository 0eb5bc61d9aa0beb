"""Common corruptions of test images, which measure how robust a classifier is.

There is noise, blur, weather and digital corruption at five severities, computed by albumentations.
Strengths are relative to the brightness range of the training images and, for blurs, to their size;
they are not those of ImageNet-C.

Reference: Hendrycks and Dietterich, "Benchmarking Neural Network Robustness to Common Corruptions
and Perturbations", 2019 (arXiv:1903.12261).
"""

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import Tensor

from gen_augment.errors import InputError, MissingDependencyError
from gen_augment.modalities.image.codec import ImageCodec

__all__ = ["CONDITIONS", "CORRUPTIONS", "SEVERITIES", "chosen_rows", "corrupt", "corrupt_all"]

#: For each kind, its parameter at severities 1 to 5, and a function that makes the transform from
#: albumentations, the parameter and the longer side in pixels.
CORRUPTIONS: dict[str, tuple[tuple[float, ...], Callable[[Any, float, int], Any]]] = {
    "gaussian_noise": (
        (0.04, 0.06, 0.08, 0.09, 0.10),
        lambda A, c, side: A.GaussNoise(std_range=(c, c), p=1),
    ),
    "shot_noise": (
        (0.05, 0.1, 0.15, 0.2, 0.3),
        lambda A, c, side: A.ShotNoise(scale_range=(c, c), p=1),
    ),
    "impulse_noise": (
        (0.01, 0.02, 0.03, 0.05, 0.07),
        lambda A, c, side: A.SaltAndPepper(amount=(c, c), p=1),
    ),
    "defocus_blur": (
        (1, 1.5, 2, 2.5, 3),
        lambda A, c, side: A.GaussianBlur(0, (c * side / 64, c * side / 64), p=1),
    ),
    "motion_blur": (
        (5, 7, 9, 11, 13),
        lambda A, c, side: A.MotionBlur((_odd(c * side / 64),) * 2, p=1),
    ),
    "zoom_blur": (
        (1.06, 1.11, 1.16, 1.21, 1.26),
        lambda A, c, side: A.ZoomBlur((c, c), (0.02, 0.02), p=1),
    ),
    "fog": (
        (0.2, 0.3, 0.4, 0.5, 0.6),
        lambda A, c, side: A.RandomBrightnessContrast((c, c), (-c, -c), p=1),
    ),
    "brightness": (
        (0.05, 0.1, 0.15, 0.2, 0.3),
        lambda A, c, side: A.RandomBrightnessContrast((c, c), (0, 0), p=1),
    ),
    "contrast": (
        (0.25, 0.4, 0.6, 0.7, 0.8),
        lambda A, c, side: A.RandomBrightnessContrast((0, 0), (-c, -c), p=1),
    ),
    "elastic": (
        (1, 1.5, 2, 2.5, 3),
        lambda A, c, side: A.ElasticTransform(c * side, side / 8, p=1),
    ),
    "pixelate": ((0.9, 0.8, 0.65, 0.5, 0.4), lambda A, c, side: A.Downscale((c, c), p=1)),
    "jpeg": (
        (80, 65, 58, 50, 40),
        lambda A, c, side: A.ImageCompression(quality_range=(int(c), int(c)), p=1),
    ),
}
SEVERITIES = (1, 2, 3, 4, 5)
#: Corruptions and severities that a study tests.
CONDITIONS = tuple(f"{kind}/{severity}" for kind in CORRUPTIONS for severity in (1, 3, 5))


def corrupt(
    X: Any, kind: str, severity: int, *, codec: ImageCodec, known: Tensor, seed: int = 0
) -> Any:
    """Corrupt images.

    Parameters
    ----------
    X : n images, in the form that `codec` was fitted on
    kind : str
        One of `CORRUPTIONS`.
    severity : {1, 2, 3, 4, 5}
    codec : ImageCodec
    known : Tensor of shape (n_known, C, H, W)
        Encoded training images, whose range is what counts as black and white.
    seed : int

    Returns
    -------
    n images in the form of `X`

    Raises
    ------
    InputError
        The kind or the severity is unknown, or the images have another form.
    MissingDependencyError
        albumentations is not installed.
    """
    if kind not in CORRUPTIONS or severity not in SEVERITIES:
        known_kinds = ", ".join(CORRUPTIONS)
        raise InputError(
            f"corruption {kind!r} of severity {severity!r}: give one of {known_kinds}, and 1 to 5."
        )
    transform = _transform(kind, severity, max(codec.shape[1:]), seed)
    low, high = float(known.min()), float(known.max())
    scaled = ((codec.encode(X) - low) / max(high - low, 1e-6)).clamp(0, 1)
    images = (scaled * 255).round().to(torch.uint8).permute(0, 2, 3, 1).numpy()
    # Some blurs drop the axis of a single channel.
    changed = np.stack(
        [transform(image=np.ascontiguousarray(i))["image"].reshape(i.shape) for i in images]
    )
    rows = torch.from_numpy(changed).permute(0, 3, 1, 2).float() / 255
    return codec.decode(rows * (high - low) + low)


def corrupt_all(X: Any, *, codec: ImageCodec, known: Tensor) -> dict[str, Any]:
    """Return `X` under each of `CONDITIONS`; parameters as in `corrupt`."""
    conditions = {name: name.split("/") for name in CONDITIONS}
    return {
        name: corrupt(X, kind, int(severity), codec=codec, known=known)
        for name, (kind, severity) in conditions.items()
    }


def chosen_rows(n: int, at_most: int = 500) -> np.ndarray:
    """Return positions of at most so many of `n` rows, evenly spaced."""
    return np.linspace(0, n - 1, min(at_most, n)).astype(np.int64)


def _transform(kind: str, severity: int, side: int, seed: int) -> Any:
    try:
        import albumentations as A
    except ImportError as error:
        raise MissingDependencyError(
            "corruptions need albumentations: pip install 'gen_augment[albumentations]'."
        ) from error
    strengths, make = CORRUPTIONS[kind]
    return A.Compose([make(A, strengths[severity - 1], side)], seed=seed)


def _odd(value: float) -> int:
    return max(3, int(value) // 2 * 2 + 1)
