"""Common corruptions of test images, to see whether a classifier stays right under them.

Kinds and five severities after Hendrycks and Dietterich, "Benchmarking Neural Network Robustness to Common Corruptions
and Perturbations", 2019 (arXiv:1903.12261), by albumentations: noise, blur, weather and digital. Strengths are relative
to the brightness that training images span and, for blurs, to their size; they are not ImageNet-C's own numbers.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
import torch

from gen_augment.codecs import infer_codec, take
from gen_augment.errors import InputError, MissingDependencyError

__all__ = ["CONDITIONS", "CORRUPTIONS", "SEVERITIES", "chosen_rows", "corrupt", "corrupted_parts"]

#: Of a kind, its parameter at severities 1 to 5, and the transform that has it. `side` is in pixels.
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
#: What a study tests under.
CONDITIONS = tuple(f"{kind}/{severity}" for kind in CORRUPTIONS for severity in (1, 3, 5))


def corrupt(X: Any, kind: str, severity: int, *, like: Any, seed: int = 0) -> Any:
    """Images under one corruption.

    Parameters
    ----------
    X : n images, as the user has them
    kind : str
        One of `CORRUPTIONS`.
    severity : {1, 2, 3, 4, 5}
    like : images
        Training images: they say which brightness is black and which is white.
    seed : int

    Returns
    -------
    n images in the form of `X`

    Raises
    ------
    InputError
        The kind or the severity is unknown, or these are no images.
    MissingDependencyError
        albumentations is not installed.
    """
    if kind not in CORRUPTIONS or severity not in SEVERITIES:
        raise InputError(
            f"corruption {kind!r} of severity {severity!r}: give one of {', '.join(CORRUPTIONS)}, 1 to 5."
        )
    try:
        import albumentations as A
    except ImportError as error:
        raise MissingDependencyError(
            "corruptions need albumentations: pip install 'gen_augment[albumentations]'."
        ) from error
    codec, known = infer_codec(like)
    if codec.kind != "image":
        raise InputError("corruptions are those of images, and the data is a table.")
    low, high = float(known.min()), float(known.max())
    strengths, make = CORRUPTIONS[kind]
    transform = A.Compose([make(A, strengths[severity - 1], max(codec.shape[1:]))], seed=seed)
    scaled = ((codec.encode(X) - low) / max(high - low, 1e-6)).clamp(0, 1)
    images = (scaled * 255).round().to(torch.uint8).permute(0, 2, 3, 1).numpy()
    # Some blurs drop the axis of a single channel.
    changed = np.stack(
        [transform(image=np.ascontiguousarray(i))["image"].reshape(i.shape) for i in images]
    )
    return codec.decode(
        torch.from_numpy(changed).permute(0, 3, 1, 2).float() / 255 * (high - low) + low
    )


def chosen_rows(n: int, at_most: int = 500) -> np.ndarray:
    """Numbers of the test rows that are corrupted, evenly spaced."""
    return np.linspace(0, n - 1, min(at_most, n)).astype(np.int64)


def corrupted_parts(X: Any, like: Any) -> dict[str, Any]:
    """The chosen rows of `X` under each of `CONDITIONS`."""
    rows = take(X, chosen_rows(len(X)))
    conditions = {name: name.split("/") for name in CONDITIONS}
    return {name: corrupt(rows, kind, int(s), like=like) for name, (kind, s) in conditions.items()}


def _odd(value: float) -> int:
    return max(3, int(value) // 2 * 2 + 1)
