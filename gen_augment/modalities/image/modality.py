"""Images with 1, 3 or 4 channels and sides of 8 to 128 px."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any, ClassVar, Literal

import numpy as np
from torch import Tensor, nn

from gen_augment.containers import is_pil
from gen_augment.modalities.base import BatchStep, Codec, DataSpec, Modality, Reading
from gen_augment.modalities.image.codec import MAX_SIDE, MIN_SIDE, ImageCodec
from gen_augment.modalities.image.generators import ImageNetworks
from gen_augment.modalities.image.known import ImageViews
from gen_augment.modalities.image.networks import SmallCNN
from gen_augment.modalities.image.recipes import RECIPES
from gen_augment.types import JSON

__all__ = ["Image"]

#: Float arrays without a channel axis are recognised as images up to this ratio of their sides.
MAX_RATIO = 2


class Image(Modality):
    """Images of shape (n, H, W), (n, H, W, C) or (n, C, H, W), or lists of PIL images.

    There are 1, 3 or 4 channels; the fourth may be alpha or another band. See `ImageCodec`.

    Parameters
    ----------
    on_error : {"raise", "skip"}
        What to do about files of a folder that cannot be read; "skip" leaves them out, with a
        warning that lists them.

    Examples
    --------
    >>> codec, rows = Image().fit(np.zeros((5, 8, 8), np.uint8))
    >>> rows.shape, float(rows.max())
    (torch.Size([5, 1, 8, 8]), -1.0)
    """

    name = "image"
    networks = ImageNetworks()
    learned_features = True
    #: Images that are one grey level brighter have a distance of up to 0.07, others 0.4 or more.
    views = ImageViews(near_copy=0.1)
    recipes: ClassVar[Mapping[str, BatchStep]] = RECIPES

    def __init__(self, on_error: Literal["raise", "skip"] = "raise") -> None:
        self.on_error = on_error

    def options(self) -> JSON:
        """Return what differs from the defaults."""
        return {} if self.on_error == "raise" else {"on_error": self.on_error}

    def recognise(self, X: Any) -> Reading:
        """Recognise PIL images, and arrays with 3 or 4 axes of plausible size."""
        if isinstance(X, (list, tuple)):
            return Reading.CERTAIN if any(map(is_pil, X)) else Reading.NO
        shape = tuple(getattr(X, "shape", ()))
        if len(shape) == 4:
            return Reading.CERTAIN
        if len(shape) != 3:
            return Reading.NO
        sides = shape[1:]
        plausible = min(sides) >= MIN_SIDE and max(sides) <= MAX_SIDE
        floats = "float" in str(X.dtype)
        if floats and not (plausible and max(sides) <= MAX_RATIO * min(sides)):
            return Reading.POSSIBLE
        return Reading.CERTAIN

    def fit(self, X: Any) -> tuple[ImageCodec, Tensor]:
        """Learn layout, dtype and value range; return the codec and images in [-1, 1]."""
        return ImageCodec.fit(X)

    def codec_from_json(self, record: JSON) -> ImageCodec:
        """Rebuild a codec from its `to_json`."""
        return ImageCodec.from_json(record)

    def digests(self, X: Any) -> np.ndarray:
        """Hash the values of each image, whatever their dtype."""
        from gen_augment.modalities.table.digests import array_digests

        return array_digests(X)

    def classifier(self, spec: DataSpec) -> Callable[[], nn.Module]:
        """Return a function that makes a small CNN."""
        return partial(SmallCNN, spec.shape, spec.n_classes)

    def default_arms(
        self, samplers: Iterable[str], *, mirror: bool = False, imbalanced: bool = False
    ) -> list[str]:
        """List baselines with classic recipes, and each sampler with and without them.

        `mirror` adds the horizontal flip, for images whose mirror image has the same label.
        `imbalanced` images are oversampled under each recipe: samplers balance the classes, so
        the arms to beat must do so too.
        """
        moved = "flip+shift" if mirror else "shift"
        recipes = [moved, "mixup", f"{moved}+mixup", "randaugment"]
        alike = "oversample+" if imbalanced else ""
        return [
            "real",
            *(["oversample", "logit"] if imbalanced else []),
            *(f"{alike}{recipe}" for recipe in recipes),
            *samplers,
            *(f"{s}+{moved}+mixup" for s in samplers),
            *(f"{alike}{s}:share=0.25+randaugment" for s in samplers),
        ]

    def corrupted(self, X: Any, like: Any) -> dict[str, Any]:
        """Return `X` under the corruptions of `gen_augment.modalities.image.corruptions`."""
        from gen_augment.modalities.image.corruptions import corrupt_all

        codec, known = self.fit(like)
        return corrupt_all(X, codec=codec, known=known)

    def sheet(self, codec: Codec, rows: Tensor, columns: int) -> np.ndarray:
        """Arrange images in lines of `columns`, as grey or RGB values in [0, 1].

        A fourth channel is not shown.
        """
        from gen_augment.modalities.image.display import as_sheet

        return (as_sheet(rows[:, :3], columns).clamp(-1, 1) + 1).squeeze(-1).numpy() / 2

    def read(self, path: Path, target: str | None) -> tuple[Any, Any] | None:
        """Read a folder that has one folder of images for each class."""
        from gen_augment.modalities.image.files import read_folder

        return read_folder(path, on_error=self.on_error) if path.is_dir() else None

    def open_folder(self, path: Path) -> tuple[Any, Any]:
        """Read a folder as PIL images, which may have several modes."""
        from gen_augment.modalities.image.files import open_folder

        return open_folder(path, on_error=self.on_error)

    def write(self, path: Path, parts: Iterator[tuple[Any, Any]], codec: Codec) -> None:
        """Write ``LABEL/000000.png`` and so on into a new folder."""
        from gen_augment.modalities.image.files import write_folder

        write_folder(path, parts, codec)
