"""Images with 1, 3 or 4 channels and sides of 8 to 1,024 px."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any, ClassVar, Literal

import numpy as np
from torch import Tensor, nn

from gen_augment.containers import is_pil
from gen_augment.modalities.base import (
    BatchStep,
    Codec,
    DataSpec,
    Modality,
    Reading,
    storage_of,
)
from gen_augment.modalities.image.autoencoder import Autoencoder
from gen_augment.modalities.image.codec import ImageCodec
from gen_augment.modalities.image.generators import ImageNetworks, LatentNetworks
from gen_augment.modalities.image.known import ImageViews
from gen_augment.modalities.image.latents import LatentCodec
from gen_augment.modalities.image.networks import SmallCNN
from gen_augment.modalities.image.pixels import in_container
from gen_augment.modalities.image.recipes import RECIPES
from gen_augment.modalities.image.resizing import MIN_SIDE, check_image_size, resize_all
from gen_augment.types import JSON
from gen_augment.validation import check_choice

__all__ = ["Image"]

#: Float arrays without a channel axis are recognised as images up to this ratio of their sides.
MAX_RATIO = 2
#: And up to this side.
MAX_RECOGNISED = 128


class Image(Modality):
    """Images of shape (n, H, W), (n, H, W, C) or (n, C, H, W), or lists of PIL images.

    There are 1, 3 or 4 channels; the fourth may be alpha or another band. See `ImageCodec`.

    Parameters
    ----------
    on_error : {"raise", "skip"}
        What to do about files of a folder that cannot be read; "skip" leaves them out, with a
        warning that lists them.
    image_size : int, (int, int) or None
        The size to which images of any size are brought: a side, or height and width, in pixels in
        [8, 1024]. None if all images have one size.
    center_crop : bool
        True keeps the centre of an image, as torchvision's ``Resize(side)`` and
        ``CenterCrop(side)``; False keeps all of it and changes its aspect ratio, as
        ``Resize((height, width))``.
    latent : "learned", path-like, Autoencoder or None
        Networks work on the latent images of an autoencoder, with an eighth of the side: one that
        is first trained on the images, or the one in a local folder of diffusers, `AutoencoderKL`
        or `AutoencoderTiny`. None for pixels.

    Examples
    --------
    >>> codec, rows = Image().fit(np.zeros((5, 8, 8), np.uint8))
    >>> rows.shape, float(rows.max())
    (torch.Size([5, 1, 8, 8]), -1.0)
    >>> photographs = [np.zeros((200, 300, 3), np.uint8), np.zeros((180, 180, 3), np.uint8)]
    >>> codec, rows = Image(image_size=64).fit(photographs)
    >>> rows.shape, codec.decode(rows).shape
    (torch.Size([2, 3, 64, 64]), (2, 64, 64, 3))
    """

    name = "image"
    networks = ImageNetworks()
    learned_features = True
    #: Images that are one grey level brighter have a distance of up to 0.07, others 0.4 or more.
    views = ImageViews(near_copy=0.1)
    recipes: ClassVar[Mapping[str, BatchStep]] = RECIPES
    #: What the images of a codec are in, "pil" or "ndarray", so that files and arrays of the same
    #: pixels can be compared; None to leave them as they are.
    _container: str | None = None

    def __init__(
        self,
        on_error: Literal["raise", "skip"] = "raise",
        *,
        image_size: int | tuple[int, int] | None = None,
        center_crop: bool = True,
        latent: Any = None,
    ) -> None:
        check_choice("center_crop", center_crop, (True, False))
        self.on_error = on_error
        self.image_size = check_image_size(image_size)
        self.center_crop = center_crop
        learned = latent is None or (isinstance(latent, str) and latent == "learned")
        self.latent = latent if learned else Autoencoder.of(latent)
        if latent is not None:
            self.networks = LatentNetworks(self.latent)  # type: ignore[misc]

    def options(self) -> JSON:
        """Return what differs from the defaults."""
        latent = self.latent.record if isinstance(self.latent, Autoencoder) else self.latent
        given = {
            "on_error": self.on_error,
            "image_size": self.image_size,
            "center_crop": self.center_crop,
            "latent": latent,
        }
        usual = {"on_error": "raise", "image_size": None, "center_crop": True, "latent": None}
        return {name: value for name, value in given.items() if value != usual[name]}

    def __repr__(self) -> str:
        options = self.options() | ({} if self.latent is None else {"latent": self.latent})
        return f"Image({', '.join(f'{name}={value!r}' for name, value in options.items())})"

    def gather(self, X: Any) -> Any:
        """Bring images to `image_size`, and a list of arrays into one array."""
        if self.image_size is None:
            X = super().gather(X)
        else:
            X = resize_all(X, self.image_size, center_crop=self.center_crop)
        return X if self._container is None else in_container(X, self._container)

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
        plausible = min(sides) >= MIN_SIDE and max(sides) <= MAX_RECOGNISED
        floats = "float" in str(X.dtype)
        if floats and not (plausible and max(sides) <= MAX_RATIO * min(sides)):
            return Reading.POSSIBLE
        return Reading.CERTAIN

    def fit(self, X: Any) -> tuple[ImageCodec | LatentCodec, Tensor]:
        """Learn layout, dtype and value range; return the codec and images in [-1, 1].

        With `latent`, the images are latent ones.
        """
        if self.latent is not None:
            return LatentCodec.fit(self.gather(X), self.latent, self._crop_of_others)
        return self._fit_pixels(X)

    def _fit_pixels(self, X: Any) -> tuple[ImageCodec, Tensor]:
        return ImageCodec.fit(self.gather(X), self._crop_of_others)

    @property
    def _crop_of_others(self) -> bool | None:
        """How the codec brings images of another size to the fitted one; None to refuse them."""
        return None if self.image_size is None else self.center_crop

    def codec_from_json(self, record: JSON) -> ImageCodec | LatentCodec:
        """Rebuild a codec from its `to_json`."""
        made: Any = LatentCodec if "autoencoder" in record else ImageCodec
        codec: ImageCodec | LatentCodec = made.from_json(record)
        return codec

    def digests(self, X: Any) -> np.ndarray:
        """Hash the values of each image, whatever their dtype."""
        from gen_augment.modalities.table.digests import array_digests

        return array_digests(X)

    def classifier(self, spec: DataSpec) -> Callable[[], nn.Module]:
        """Return a function that makes a small CNN of pixels."""
        shape, fitted = spec.shape, spec.modality
        if fitted.latent is not None:
            shape = (fitted.latent.network.channels, *fitted.image_size)
        return partial(SmallCNN, shape, spec.n_classes)

    def classifier_inputs(self, codec: Codec, X: Any) -> Callable[[Any], Tensor]:
        """Return what maps images to pixels in [-1, 1], as many channels as the codec encodes."""
        return partial(_pixels, codec)

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

        codec, known = self._fit_pixels(like)
        return corrupt_all(X, codec=codec, known=known)

    def sheet(self, codec: Codec, rows: Tensor, columns: int) -> np.ndarray:
        """Arrange images in lines of `columns`, as grey or RGB values in [0, 1].

        A fourth channel is not shown.
        """
        from gen_augment.modalities.image.display import as_sheet

        rows = codec.to_pixels(rows) if isinstance(codec, LatentCodec) else rows
        return (as_sheet(rows[:, :3], columns).clamp(-1, 1) + 1).squeeze(-1).numpy() / 2

    def read(self, path: Path, target: str | None) -> tuple[Any, Any] | None:
        """Read a folder that has one folder of images for each class."""
        from gen_augment.modalities.image.files import read_folder

        return read_folder(path, **self._reading) if path.is_dir() else None

    @property
    def _reading(self) -> JSON:
        return {name: getattr(self, name) for name in ("image_size", "center_crop", "on_error")}

    def open_path(self, path: Path) -> tuple[Any, Any] | None:
        """Read a folder as PIL images, or as an array if they have 16 bits."""
        from gen_augment.modalities.image.files import open_folder

        return open_folder(path, **self._reading) if path.is_dir() else None

    def write(self, path: Path, parts: Iterator[tuple[Any, Any]], codec: Codec) -> None:
        """Write ``LABEL/000000.png`` and so on into a new folder."""
        from gen_augment.modalities.image.files import write_folder

        write_folder(path, parts, storage_of(codec))


def _pixels(codec: Codec, X: Any) -> Tensor:
    pixels: Tensor = storage_of(codec).encode(X)
    if isinstance(codec, LatentCodec) and pixels.shape[1] < codec.autoencoder.network.channels:
        return pixels.expand(-1, codec.autoencoder.network.channels, -1, -1)
    return pixels
