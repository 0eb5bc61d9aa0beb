"""Generators that are trained already: functions, modules, TorchScript.

Nothing is trained. `PretrainedSampler.fit` learns the form of the user's images, their labels and
the class shares, and checks that the generator's images fit them.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, Self

import numpy as np
import torch
from sklearn.utils.metaestimators import available_if
from torch import Tensor

from gen_augment.archive import digest
from gen_augment.errors import InputError
from gen_augment.modalities import DataSpec, ImageCodec, Modality, codec_to_json
from gen_augment.rng import RandomState, derive_seed, normal, resolve_seed
from gen_augment.samplers import generation
from gen_augment.samplers.base import Sampler
from gen_augment.samplers.pretrained.checks import (
    bounds,
    check_params,
    check_shape,
    class_numbers,
    resized,
)
from gen_augment.samplers.pretrained.wrapped import Scripted, Wrapped, identity_of, name_of
from gen_augment.training.placement import available_device, evaluating, find_device
from gen_augment.types import JSON

__all__ = ["PretrainedSampler"]

Range = tuple[Any, Any]


def _has_vary_with(sampler: "PretrainedSampler") -> bool:
    if sampler.vary_with is None:
        raise NotImplementedError(
            f"this {type(sampler).__name__} has no vary_with: give a function (x, y, z, strength) "
            "-> images, or draw new rows of the same label with sample(y=y)."
        )
    return True


class PretrainedSampler(Sampler):
    """A trained generator of images as a sampler.

    Parameters
    ----------
    generator : callable ``(z, y) -> images``
        A function, a module, or a method of one; `torch.jit.load` and `torch.export` give modules.
        It receives noise ``z`` of shape (B, *latent_shape), float32, standard normal, and class
        numbers ``y`` of shape (B,), int64. It returns floats of shape (B, C, H, W), C of 1 or 3.
        Modules are moved to `device`, and are in `eval` mode while they generate.
    latent_shape : tuple of int
        Shape of the noise of one image.
    vary_with : callable ``(x, y, z, strength) -> images``, optional
        What `vary` calls: `x` are images of shape (B, C, H, W) in `value_range`, `strength` is a
        float in [0, 1].
    class_map : dict of label to int, optional
        The generator's number of each label. By default, labels are numbered in sorted order.
    value_range : (float, float)
        Black and white in the generator's images.
    data_range : (low, high), optional
        Black and white in the rows given to `fit`: numbers, or one for each channel. By default 0
        and 255 for uint8, 0 and 1 for bool, and otherwise the lowest and the highest value of each
        channel in `fit`.
    resize : bool
        Resize images to the size of the user's rows (bilinear, antialiased).
    batch_size : int
        Number of images in one call of the generator.
    name : str, optional
        Identifies the generator in `fingerprint`; needed if it has no weights.
    modality : str, Modality or None
        How to read the rows; None if only one reading is possible.
    random_state : int, RandomState or None
        Seeds the noise.
    device : str
        "auto", "cpu", "cuda", "cuda:1", ...

    Notes
    -----
    Row *i* depends on its seed, address and label alone. `fit` detects a generator that uses
    torch's global random generator, as StyleGAN's noise layers do. It is then called row by row,
    with that generator seeded for each row.

    A sampler of this kind cannot be saved, since its generator is code. Its rows can, in a
    `SampleBank`.

    Examples
    --------
    >>> def stripes(z, y):  # class 0 is dark, class 1 is bright
    ...     level = (y.view(-1, 1, 1, 1) * 2.0 - 1) * 0.8 + 0.1 * z[:, None, None]
    ...     return level.expand(-1, 1, 8, 8)
    >>> X, y = np.zeros((4, 8, 8), np.uint8), ["day", "night", "day", "night"]
    >>> numbers = {"day": 1, "night": 0}
    >>> sampler = PretrainedSampler(stripes, latent_shape=(8,), class_map=numbers, random_state=0)
    >>> X_new, y_new = sampler.fit(X, y).sample(y={"day": 2, "night": 1})
    >>> X_new.shape, X_new.dtype, y_new, (X_new.mean(axis=(1, 2)) > 128).tolist()
    ((3, 8, 8), dtype('uint8'), ['day', 'day', 'night'], [True, True, False])
    """

    min_rows_per_class = 1
    _unsaved = (
        "its generator is code. Keep the generator in its own form (weights, torch.export.save) "
        "and wrap it again, or keep rows with SampleBank.build(sampler, ...)."
    )

    network_: Wrapped
    spec_: DataSpec

    def __init__(
        self,
        generator: Callable[..., Any],
        *,
        latent_shape: tuple[int, ...],
        vary_with: Callable[..., Any] | None = None,
        class_map: Mapping[Any, int] | None = None,
        value_range: tuple[float, float] = (-1, 1),
        data_range: Range | None = None,
        resize: bool = False,
        batch_size: int = 64,
        name: str | None = None,
        modality: str | Modality | None = None,
        random_state: RandomState = None,
        device: str = "auto",
    ) -> None:
        self.generator = generator
        self.latent_shape = latent_shape
        self.vary_with = vary_with
        self.class_map = class_map
        self.value_range = value_range
        self.data_range = data_range
        self.resize = resize
        self.batch_size = batch_size
        self.name = name
        self.modality = modality
        self.random_state = random_state
        self.device = device

    def fit(self, X: Any, y: Any = None) -> Self:
        """Learn the form, the labels and the class shares of the user's images.

        Nothing is trained. The generator makes three images as a trial, and varies as many.

        Parameters
        ----------
        X, y
            As in `Sampler.fit`, images only. One row of each class is enough.

        Returns
        -------
        self

        Raises
        ------
        InputError
            Data or parameters cannot be used, or the generator's images do not fit the data.
        """
        self._check_params()
        device = find_device(self.device)
        rows = self._read(X, y)
        codec, encoded = rows.codec, rows.encoded
        if not isinstance(codec, ImageCodec):
            raise InputError(
                f"X holds {rows.modality.name} rows of shape {codec.shape}, and "
                f"{type(self).__name__} makes images: give images."
            )
        if self.data_range is not None:
            low, high = bounds("data_range", self.data_range, codec.shape[0])
            codec = replace(codec, low=low, high=high)
            encoded = codec.encode(rows.X)
        numbers = class_numbers(rows.classes, self.class_map)
        network = Wrapped(self.generator, self.vary_with, numbers, self.value_range).on(device)
        self._probe(network, codec.shape, encoded)
        self._set_labels(rows.labels, rows.class_counts, resolve_seed(self.random_state))
        self._set_codec(codec)
        self.spec_ = DataSpec.of(codec, rows.n_classes)
        self.network_ = network
        return self

    @available_if(_has_vary_with)  # type: ignore[untyped-decorator]
    def vary(
        self, X: Any, y: Any, *, strength: float = 0.5, random_state: RandomState = None
    ) -> Any:
        """Return new versions of given rows by `vary_with`; see `NetworkSampler.vary`."""
        self._check_fitted()
        return generation.vary_rows(self, self._vary, (X, y), strength, random_state)

    def fingerprint(self) -> str:
        """Hash everything that decides the rows: weights, parameters, encodings and seed.

        The generator counts with its weights and the classes of its modules, or with what its own
        `fingerprint()` returns. Its code does not count: change `name` if it changes.

        Raises
        ------
        InputError
            The generator has neither weights nor a `name`.
        """
        self._check_fitted()
        identity = identity_of(self.generator)
        if identity is None and self.name is None:
            raise InputError(
                f"the generator {name_of(self.generator)} has no weights that distinguish it: give "
                "PretrainedSampler(..., name='...'), another name for each version of it."
            )
        described = {
            "class": type(self).__name__,
            "params": [self.name, list(self.latent_shape), list(self.value_range), self.resize],
            "numbers": self.network_.numbers.tolist(),
            "codec": codec_to_json(self.codec_),
            "labels": self.label_codec_.to_json(),
            "class_prior": self.class_prior_.tolist(),
            "seed": self.seed_,
            "generator": identity,
        }
        return digest(json.dumps(described, sort_keys=True))

    def _make(self, index: np.ndarray, codes: np.ndarray, seed: int) -> Any:
        return generation.make_rows(self, index, codes, seed)

    def _check_params(self) -> None:
        check_params(self)

    def _probe(self, network: Wrapped, shape: tuple[int, ...], rows: Tensor) -> None:
        """Generate images of the first and the last class, and compare them with the user's."""
        device = network.anchor.device
        z = normal(np.arange(2), tuple(self.latent_shape), derive_seed(0, "probe")).to(device)
        y = torch.stack([network.numbers.argmin(), network.numbers.argmax()])
        with evaluating(network), torch.no_grad():
            network.probe(z, y)
            made = network.learned.shape
            check_shape("generator", self.generator, made, shape, resize=self.resize)
            if self.vary_with is not None:
                varied = network.probe_vary(resized(rows[[0, -1]].to(device), made), y, z)
                check_shape("vary_with", self.vary_with, varied, shape, resize=self.resize)

    def _generate(self, z: Tensor, y: Tensor) -> Tensor:
        parts = zip(torch.split(z, self.batch_size), torch.split(y, self.batch_size), strict=True)
        made = [
            resized(self.network_(z_part, y_part), self.spec_.shape) for z_part, y_part in parts
        ]
        return torch.cat(made)

    def _vary(self, x: Tensor, y: Tensor, z: Tensor, strength: float) -> Tensor:
        made = []
        for start in range(0, len(x), self.batch_size):
            part = slice(start, start + self.batch_size)
            given = resized(x[part], self.network_.learned.shape)
            varied = self.network_.vary(given, y[part], z[part], strength)
            made.append(resized(varied, self.spec_.shape))
        return torch.cat(made)

    def __getstate__(self) -> JSON:
        # The network is rebuilt from the parameters, which hold the weights already.
        state = self.__dict__.copy()
        for name in ("generator", "vary_with"):
            state[name] = Scripted.pack(state[name])
        if "network_" in state:
            network = state.pop("network_")
            state["_network"] = str(network.anchor.device), network.numbers.cpu(), network.learned
        return state

    def __setstate__(self, state: JSON) -> None:
        known = state.pop("_network", None)
        self.__dict__.update({name: Scripted.unpack(value) for name, value in state.items()})
        if known is not None:
            device, numbers, learned = known
            network = Wrapped(self.generator, self.vary_with, numbers, self.value_range)
            self.network_ = network.on(available_device(device))
            self.network_.learned = learned
