"""A generator that is there already: a function, a module, a TorchScript module, a diffusion pipeline.

Nothing is trained. `PretrainedSampler.fit` learns the form of the user's rows, their labels and class shares, and
checks that the generator's images go with them; from there on it is a sampler like any other.
"""

import hashlib
import json
import os
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, NoReturn, Self, cast

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from gen_augment.codecs import ImageCodec, LabelCodec, infer_codec, read_rows
from gen_augment.errors import ArchiveError, InputError
from gen_augment.modalities import codec_to_json
from gen_augment.rng import RandomState, derive_seed, normal, resolve_seed
from gen_augment.samplers.base import Sampler
from gen_augment.samplers.diffusion_pipeline import DiffusersGenerator
from gen_augment.samplers.wrapping import Scripted, Wrapped, class_numbers, identity_of, name_of
from gen_augment.training.placement import evaluating, found_here, make_fabric
from gen_augment.types import JSON
from gen_augment.validation import check_choice, check_positive_int, check_same_length

__all__ = ["PretrainedSampler"]

Range = tuple[Any, Any]


class PretrainedSampler(Sampler):
    """A generator of images that somebody has trained, as a sampler.

    Parameters
    ----------
    generator : callable ``(z, y) -> images``
        A function, a module, or a method of one; `torch.jit.load` and `torch.export` give modules. It is given noise
        ``z`` of shape (B, *latent_shape), float32, standard normal, and class numbers ``y`` of shape (B,), int64, and
        returns floats of shape (B, C, H, W), C of 1 or 3. Modules are moved to `device`, and put into `eval` while they
        generate.
    latent_shape : tuple of int
        Shape of the noise behind one image.
    vary_with : callable ``(x, y, z, strength) -> images``, optional
        What `vary` calls: `x` are images of shape (B, C, H, W) in `value_range`, `strength` is a float in [0, 1].
    class_map : dict of label to int, optional
        The generator's number of each label. By default labels are numbered from 0 in sorted order.
    value_range : (float, float)
        What black and white are for the generator.
    data_range : (low, high), optional
        What they are in the rows given to `fit`; numbers, or one for each channel. By default 0 and 255 for uint8, 0
        and 1 for bool, and for all else the lowest and highest value that `fit` sees in each channel.
    resize : bool
        Bring images to the size of the user's rows (bilinear, antialiased), where they differ.
    batch_size : int
        Images in one call of the generator.
    name : str, optional
        Who the generator is, for `fingerprint`; needed where it has no weights that could be told apart.
    random_state : int, RandomState or None
        Seeds the noise.
    device : str
        "auto", "cpu", "cuda", "cuda:1", ...

    Notes
    -----
    Row *i* depends on its seed, number and label alone. A generator that draws numbers of its own from torch's global
    generator, as StyleGAN's noise layers do, is found out in `fit`, and called row by row from then on, with that
    generator seeded for each row.

    A sampler of this kind cannot be saved, since its generator is code; rows can, in a `SampleBank`.

    Examples
    --------
    >>> def stripes(z, y):  # class 0 is dark, class 1 is bright
    ...     return ((y.view(-1, 1, 1, 1) * 2.0 - 1) * 0.8 + 0.1 * z.unsqueeze(1).unsqueeze(1)).expand(-1, 1, 8, 8)
    >>> X, y = np.zeros((4, 8, 8), np.uint8), ["day", "night", "day", "night"]
    >>> sampler = PretrainedSampler(stripes, latent_shape=(8,), class_map={"day": 1, "night": 0}, random_state=0)
    >>> X_new, y_new = sampler.fit(X, y).sample(y={"day": 2, "night": 1})
    >>> X_new.shape, X_new.dtype, y_new, (X_new.mean(axis=(1, 2)) > 128).tolist()
    ((3, 8, 8), dtype('uint8'), ['day', 'day', 'night'], [True, True, False])
    """

    latent_shape: tuple[int, ...] = ()

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
        self.random_state = random_state
        self.device = device

    @classmethod
    def from_diffusers(
        cls,
        path: str | os.PathLike[str],
        *,
        class_map: Mapping[Any, int] | None = None,
        prompts: Mapping[Any, str] | None = None,
        num_inference_steps: int = 50,
        options: Mapping[str, Any] | None = None,
        dtype: str = "float32",
        resize: bool = True,
        data_range: Range | None = None,
        batch_size: int = 8,
        random_state: RandomState = None,
        device: str = "auto",
    ) -> Self:
        """Wrap a diffusion pipeline that lies in a folder, as `save_pretrained` of diffusers writes it.

        Nothing is downloaded, nothing is unpickled, and no code out of the folder is run. A pipeline that turns text
        into images varies images too, where diffusers has an image-to-image pipeline of its kind.

        Parameters
        ----------
        path : path-like
        class_map : dict of label to int
            For a pipeline that is given class numbers, as `DiTPipeline` is.
        prompts : dict of label to str
            For a pipeline that is given text. Exactly one of the two is needed: of a pipeline's thousand classes, the
            first few are not the user's.
        num_inference_steps : int
        options : dict, optional
            More keyword arguments of the pipeline's call, such as ``{"guidance_scale": 4.0, "height": 256}``.
        dtype : {"float32", "float16", "bfloat16"}
            What the pipeline computes in.
        resize, data_range, batch_size, random_state, device
            As in `PretrainedSampler`.

        Raises
        ------
        InputError
            There is no such folder, or its pipeline cannot be used; the message says why.
        MissingDependencyError
            diffusers is not installed.
        """
        if (class_map is None) == (prompts is None):
            raise InputError(
                "give either class_map={label: class number} or prompts={label: text}, as the pipeline has it."
            )
        texts = None if prompts is None else tuple(prompts.values())
        generator = DiffusersGenerator(path, texts, num_inference_steps, dict(options or {}), dtype)
        if class_map is not None:
            generator.check_numbers(class_map)
        return cls(
            generator,
            latent_shape=generator.latent_shape,
            vary_with=generator.vary if generator.varies else None,
            class_map=class_map
            if prompts is None
            else {label: place for place, label in enumerate(prompts)},
            value_range=(0, 1),
            data_range=data_range,
            resize=resize,
            batch_size=batch_size,
            random_state=random_state,
            device=device,
        )

    def fit(self, X: Any, y: Any = None, *, init: Sampler | None = None) -> Self:
        """Learn the form, the labels and the class shares of the user's images; nothing is trained.

        Three images are generated as a trial, and as many varied.

        Parameters
        ----------
        X, y
            As in `ConditionalVAE`, images only. One row a class is enough.
        init : None
            There is nothing to start from.

        Returns
        -------
        self

        Raises
        ------
        InputError
            Data or parameters cannot be used, or the generator's images do not go with the data.
        """
        self._check_params()
        if init is not None:
            raise InputError(
                f"init={init!r}, but a {type(self).__name__} trains nothing: leave it out."
            )
        device = make_fabric(self.device, "32-true").device
        X, y = read_rows(X, y)
        codec, rows = infer_codec(X)
        if not isinstance(codec, ImageCodec):
            raise InputError(
                f"X is a {codec.kind} with rows of shape {codec.shape}: {type(self).__name__} makes images."
            )
        labels, codes = LabelCodec.fit(y, partial=True)
        check_same_length(len(rows), len(codes))
        if self.data_range is not None:
            low, high = _bounds("data_range", self.data_range, codec.shape[0])
            codec = replace(codec, low=low, high=high)
            rows = codec.encode(X)
        network = Wrapped(
            self.generator,
            self.vary_with,
            class_numbers(labels.classes, self.class_map),
            self.value_range,
        ).on(device)
        self._probe(network, codec.shape, rows)
        counts = np.bincount(codes[codes >= 0], minlength=len(labels.classes))
        self._set_data(codec, labels, counts, resolve_seed(self.random_state))
        self.network_ = network
        self.history_, self.n_steps_ = {"step": []}, 0
        return self

    def partial_fit(self, X: Any, y: Any = None) -> NoReturn:
        """Not to be had: nothing is trained, so there is no more of it; `fit` takes other rows and labels."""
        raise NotImplementedError(
            f"{type(self).__name__} trains nothing: call fit(X, y) with all rows and labels."
        )

    def save(self, path: str | os.PathLike[str]) -> NoReturn:
        """Not to be had, since a generator is code, which no file of this package holds: raises `ArchiveError`."""
        raise ArchiveError(
            f"{type(self).__name__} cannot be saved to {os.fspath(path)!r}: its generator {name_of(self.generator)} is "
            "code. Keep the generator in a form of its own (its weights, torch.export.save, a pipeline's folder) and "
            "wrap it again, or keep its rows with SampleBank.build(sampler, ...)."
        )

    @classmethod
    def load(cls, path: str | os.PathLike[str], *, device: str = "auto") -> NoReturn:
        """Not to be had, as `save` is not: raises `ArchiveError`."""
        raise ArchiveError(
            f"{os.fspath(path)!r} holds no {cls.__name__}, which is never saved: wrap its generator again."
        )

    def fingerprint(self) -> str:
        """Hash of all that decides the rows: weights, parameters, data form, labels and seed.

        Of the generator, weights and the classes of its modules are looked at, or what its own `fingerprint()` says.
        Code is not: change `name` where it has changed.

        Raises
        ------
        InputError
            The generator has no weights to be told apart by, and no `name`.
        """
        self._check_fitted()
        described = {
            "class": type(self).__name__,
            "params": [self.name, list(self.latent_shape), list(self.value_range), self.resize],
            "numbers": cast("Wrapped", self.network_).numbers.tolist(),
            "codec": codec_to_json(self.codec_),
            "labels": self.label_codec_.to_json(),
            "class_prior": self.class_prior_.tolist(),
            "seed": self.seed_,
        }
        if (identity := identity_of(self.generator)) is None and self.name is None:
            raise InputError(
                f"the generator {name_of(self.generator)} has no weights that tell it from others: give "
                "PretrainedSampler(..., name='...'), another name for each version of it."
            )
        described["generator"] = identity
        return hashlib.blake2b(
            json.dumps(described, sort_keys=True).encode(), digest_size=16
        ).hexdigest()

    def _check_params(self) -> None:
        if not callable(self.generator) or isinstance(self.generator, type):
            raise InputError(
                f"generator={self.generator!r} is not callable as generator(z, y): give a function or module."
            )
        if self.vary_with is not None and not callable(self.vary_with):
            raise InputError(
                f"vary_with={self.vary_with!r} is not callable as vary_with(x, y, z, strength)."
            )
        shape = self.latent_shape
        if not isinstance(shape, (tuple, list)) or not shape:
            raise InputError(
                f"latent_shape={shape!r} is no tuple of whole numbers, such as (128,)."
            )
        for side in shape:
            check_positive_int("latent_shape", side)
        check_positive_int("batch_size", self.batch_size)
        check_choice("resize", self.resize, (True, False))
        if self.class_map is not None and not isinstance(self.class_map, Mapping):
            raise InputError(f"class_map={self.class_map!r} is no dict of label to class number.")
        if self.name is not None and not isinstance(self.name, str):
            raise InputError(f"name={self.name!r} is no string.")
        _bounds("value_range", self.value_range, 1)

    def _probe(self, network: Wrapped, shape: tuple[int, ...], rows: Tensor) -> None:
        """Let the generator make the first and the last of its classes, and compare its images with the user's."""
        device = network.anchor.device
        z = normal(np.arange(2), tuple(self.latent_shape), derive_seed(0, "probe")).to(device)
        y = torch.stack([network.numbers.argmin(), network.numbers.argmax()])
        with evaluating(network), torch.no_grad():
            network.probe(z, y)
            made = network.learned.shape
            _check_shape("generator", self.generator, made, shape, resize=self.resize)
            if self.vary_with is not None:
                varied = network.probe_vary(_resized(rows[[0, -1]].to(device), made), y, z)
                _check_shape("vary_with", self.vary_with, varied, shape, resize=self.resize)

    def _generate(self, z: Tensor, y: Tensor) -> Tensor:
        network = cast("Wrapped", self.network_)
        made = []
        for start in range(0, len(z), self.batch_size):
            part = slice(start, start + self.batch_size)
            made.append(_resized(network(z[part], y[part]), self.spec_.shape))
        return torch.cat(made)

    def _vary(self, x: Tensor, y: Tensor, z: Tensor, strength: float) -> Tensor:
        network = cast("Wrapped", self.network_)
        if self.vary_with is None:
            raise NotImplementedError(
                f"this {type(self).__name__} has no vary_with: give a function (x, y, z, strength) -> images, or draw "
                "new rows of the same label with sample(y=y)."
            )
        made = []
        for start in range(0, len(x), self.batch_size):
            part = slice(start, start + self.batch_size)
            given = _resized(x[part], network.learned.shape)
            made.append(_resized(network.vary(given, y[part], z[part], strength), self.spec_.shape))
        return torch.cat(made)

    def __getstate__(self) -> JSON:
        # The network is made anew of the parameters: pickled beside them, weights would go twice.
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
            self.network_ = Wrapped(self.generator, self.vary_with, numbers, self.value_range).on(
                found_here(device)
            )
            self.network_.learned = learned

    def _build(self, spec: Any) -> nn.Module:
        raise NotImplementedError  # the network is the user's

    def _fit(self, network: Any, loop: Any) -> None:
        raise NotImplementedError  # nothing is trained


def _bounds(name: str, value: Any, channels: int) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Low and high of each channel, as a user may give them."""
    try:
        low, high = (np.broadcast_to(np.asarray(bound, dtype=float), channels) for bound in value)
    except (TypeError, ValueError) as error:
        raise InputError(
            f"{name}={value!r} is no pair (low, high) for {channels} channel(s)."
        ) from error
    if not (np.isfinite(low).all() and np.isfinite(high).all() and (low < high).all()):
        raise InputError(f"{name}={value!r} is no range: low must be below high, and both finite.")
    return tuple(low.tolist()), tuple(high.tolist())


def _check_shape(
    which: str, function: Any, made: tuple[int, ...], wanted: tuple[int, ...], *, resize: bool
) -> None:
    if made == wanted or (resize and made[0] == wanted[0]):
        return
    remedy = "set resize=True, or resize the rows that fit is given"
    if made[0] != wanted[0]:
        remedy = (
            "convert the rows that fit is given, or wrap it in a function that converts its images"
        )
    raise InputError(
        f"{which}={name_of(function)} gives images of (C, H, W) = {made}, and those of X have {wanted}: {remedy}."
    )


def _resized(images: Tensor, shape: tuple[int, ...]) -> Tensor:
    """Images ``(B, C, H, W)`` at the height and width of `shape`, ``(C, H, W)``."""
    if images.shape[2:] == shape[1:]:
        return images
    return F.interpolate(images, size=shape[1:], mode="bilinear", antialias=True)
