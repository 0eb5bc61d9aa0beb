"""Saving and loading of samplers."""

import json
import os
from typing import TYPE_CHECKING, Any, Self, cast

import numpy as np
import torch
from torch import Tensor

from gen_augment import archive
from gen_augment.codecs import LabelCodec, codec_from_json
from gen_augment.errors import ArchiveError, InputError
from gen_augment.rng import fork_rng
from gen_augment.training.checkpoint import PREFIX
from gen_augment.types import JSON

if TYPE_CHECKING:
    from gen_augment.samplers.base import Sampler

__all__ = ["Persistent"]

_FIELDS = {"format", "class", "params", "codec", "labels", "class_prior", "seed", "history", "n_steps"}


class Persistent:
    """`save` and `load` for a sampler: parameters, codec and history as JSON, weights as safetensors."""

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the fitted sampler to one file, whole or not at all.

        Callbacks are not saved.

        Raises
        ------
        NotFittedError
        ArchiveError
            The place cannot be written.
        """
        sampler = cast("Sampler", self)
        sampler._check_fitted()
        archive.write(path, *self._to_archive())

    @classmethod
    def load(cls, path: str | os.PathLike[str], *, device: str = "auto") -> Self:
        """Read a sampler that `save` or a `Checkpoint` wrote.

        Parameters
        ----------
        path : path-like
        device : str
            Where to put it: "auto", "cpu", "cuda", "cuda:1", ...

        Raises
        ------
        ArchiveError
            The file is missing, cut short, of another class or version, or does not fit together.
        """
        header, tensors = archive.read(path)
        if header.get("class") != cls.__name__:
            raise ArchiveError(f"{path} holds a {header.get('class')}, not a {cls.__name__}.")
        archive.check_keys(f"{path} cannot be used", header, _FIELDS | ({"training"} & set(header)))
        sampler = cast("Sampler", cls(**_known_params(cls, header["params"], path)))
        sampler.device = device
        try:
            sampler._check_params()
            labels = LabelCodec.from_json(header["labels"])
            prior = np.array(header["class_prior"], dtype=np.float64)
            sampler._set_data(codec_from_json(header["codec"]), labels, prior, int(header["seed"]))
            with fork_rng(0, torch.device("cpu")):  # initial weights are drawn from the global generator
                network = sampler._build(sampler.spec_)
            network.load_state_dict({n: t for n, t in tensors.items() if not n.startswith(PREFIX)})
        except (RuntimeError, KeyError, TypeError, InputError) as error:
            raise ArchiveError(f"{path} does not fit together: {error}") from error
        if prior.shape != labels.classes.shape:
            raise ArchiveError(f"{path} does not fit together: {len(prior)} priors for {len(labels.classes)} classes.")
        sampler.network_ = sampler._place(network, sampler._make_fabric().device).eval()
        sampler.history_, sampler.n_steps_ = header["history"], header["n_steps"]
        return cast("Self", sampler)

    def __getstate__(self) -> JSON:
        # Weights alone: modules with parametrisations (spectral norm) cannot be pickled.
        state: JSON = dict(cast("Sampler", super()).__getstate__())
        if "network_" in state:
            network = state.pop("network_")
            device = str(next(network.parameters()).device)
            state["_weights"] = (device, {name: tensor.cpu() for name, tensor in network.state_dict().items()})
        return state

    def __setstate__(self, state: JSON) -> None:
        sampler = cast("Sampler", self)
        weights = state.pop("_weights", None)
        cast("Sampler", super()).__setstate__(state)
        if weights is not None:
            device, tensors = weights
            with fork_rng(0, torch.device("cpu")):
                network = sampler._build(sampler.spec_)
            network.load_state_dict(tensors)
            sampler.network_ = sampler._place(network, torch.device(device)).eval()

    def _to_archive(self) -> tuple[JSON, dict[str, Tensor]]:
        sampler = cast("Sampler", self)
        header = {
            "class": type(sampler).__name__,
            "params": self._json_params(),
            "codec": sampler.codec_.to_json(),
            "labels": sampler.label_codec_.to_json(),
            "class_prior": sampler.class_prior_.tolist(),
            "seed": sampler.seed_,
            "history": sampler.history_,
            "n_steps": sampler.n_steps_,
        }
        return header, dict(sampler.network_.state_dict())

    def _json_params(self) -> JSON:
        params = cast("Sampler", self).get_params(deep=False) | {"callbacks": None}
        return {name: _plain(value) for name, value in params.items()}


def _plain(value: Any) -> Any:
    if isinstance(value, np.generic):
        return value.item()
    try:
        json.dumps(value)
    except TypeError:
        return None  # a RandomState: the seed drawn from it is kept as seed_
    return value


def _known_params(cls: type, params: JSON, path: str | os.PathLike[str]) -> JSON:
    archive.check_keys(f"{path}: parameters of {cls.__name__}", params, set(cast(Any, cls)._get_param_names()))
    return params
