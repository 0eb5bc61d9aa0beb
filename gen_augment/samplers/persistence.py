"""Samplers as archives: parameters, labels and encodings as JSON, weights as safetensors."""

import hashlib
import json
import os
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from gen_augment import archive
from gen_augment.data import LabelCodec
from gen_augment.errors import ArchiveError, InputError
from gen_augment.modalities import (
    codec_from_json,
    codec_to_json,
    modality_from_json,
    modality_to_json,
)
from gen_augment.privacy import Private
from gen_augment.rng import fork_rng
from gen_augment.training.checkpoint import PREFIX
from gen_augment.training.noisy import with_group_norm
from gen_augment.training.placement import tensor_defaults
from gen_augment.types import JSON, History

__all__ = [
    "build_network",
    "check_guarantee",
    "check_history",
    "check_int",
    "check_str",
    "fingerprint",
    "has_guarantee",
    "header_of",
    "is_private",
    "load",
    "network_like",
    "outline",
    "rebuild",
    "shapes_of",
    "slow_hash",
    "tensor_bytes",
    "untrained",
]

_KEYS = {"format", "class", "params", "codec", "labels", "class_count", "seed"}
#: Header keys and parameters that say how and where a sampler was trained, not what it became.
_NOT_IN_ROWS = ("history", "n_steps", "privacy")
_PARAMS_NOT_IN_ROWS = (
    "device", "devices", "torch_compile", "callbacks", "verbose", "random_state", "modality",
    "privacy", "path", "allow_download",
)  # fmt: skip
#: What damaged values can raise while a sampler is rebuilt.
_DAMAGE = (ArithmeticError, AttributeError, LookupError, RuntimeError, TypeError, ValueError)


def header_of(sampler: Any) -> JSON:
    """Return what every fitted sampler has, as JSON values."""
    return {
        "class": type(sampler).__name__,
        "params": _params_to_json(sampler.get_params(deep=False)),
        "codec": codec_to_json(sampler.codec_),
        "labels": sampler.label_codec_.to_json(),
        "class_count": sampler.class_count_.tolist(),
        "seed": sampler.seed_,
    }


def load(cls: Any, path: str | os.PathLike[str], device: str) -> Any:
    """Rebuild a sampler of class `cls` from an archive; every value is checked.

    Raises
    ------
    ArchiveError
        The file is missing, damaged, or of another class or version.
    """
    header, tensors = archive.read(path)
    return rebuild(cls, header, tensors, device, path)


def rebuild(
    cls: Any,
    header: JSON,
    tensors: Mapping[str, Tensor],
    device: str,
    path: str | os.PathLike[str],
) -> Any:
    """Rebuild a sampler of class `cls` from what `_to_archive` returned; see `load`."""
    if header.get("class") != cls.__name__:
        raise ArchiveError(f"{path} holds a {header.get('class')}, not a {cls.__name__}.")
    keys = _KEYS | cls._header_keys | ({"training", "training_rows"} & set(header))
    archive.check_keys(f"{path} cannot be used", header, keys)
    learned = {name: tensor for name, tensor in tensors.items() if not name.startswith(PREFIX)}
    try:
        sampler = cls(**_params_from_json(cls, header["params"]))
        sampler._check_params()
        labels = LabelCodec.from_json(header["labels"])
        counts = _check_counts(header["class_count"], labels)
        sampler._set_labels(labels, counts, check_int("seed", header["seed"]))
        sampler._set_codec(codec_from_json(header["codec"]))
        sampler._restore(header, learned, device)
        if "training_rows" in header:
            sampler._content = check_str("training_rows", header["training_rows"])
    except _DAMAGE as error:
        raise ArchiveError(f"{path} does not fit together: {error}") from error
    return sampler


def fingerprint(header: JSON, tensors: Mapping[str, Tensor]) -> str:
    """Hash what decides the rows of an archived sampler: 32 hex digits."""
    params = {k: v for k, v in header["params"].items() if k not in _PARAMS_NOT_IN_ROWS}
    described = {k: v for k, v in header.items() if k not in _NOT_IN_ROWS} | {"params": params}
    digest = hashlib.blake2b(json.dumps(described, sort_keys=True).encode(), digest_size=16)
    for name in sorted(tensors):
        digest.update(name.encode())
        digest.update(tensor_bytes(tensors[name]))
    return digest.hexdigest()


def slow_hash(content: int | str) -> str:
    """Hash `Rows.content`, slowly: nobody can try many values of one row if all others are known.

    What is such a hash already is returned as it is.
    """
    if isinstance(content, str):
        return content
    known = content.to_bytes(8, "little")
    return hashlib.scrypt(known, salt=b"rows", n=2**14, r=8, p=1, dklen=16).hex()


def tensor_bytes(tensor: Tensor) -> memoryview:
    """Return the values of a Tensor of any dtype as bytes."""
    array: np.ndarray = tensor.detach().cpu().contiguous().flatten().view(torch.uint8).numpy()
    return array.data


def network_like(sampler: Any, weights: dict[str, Tensor]) -> nn.Module:
    """Build the network of `sampler` and load `weights` of the same size into it.

    It is first built without memory: a header may ask for any size, but a file has only its own.

    Raises
    ------
    InputError
        The weights have other shapes, or are not finite.
    """
    found = shapes_of(weights)
    try:
        expected = outline(sampler)
    except RuntimeError:  # the network needs values while it is built; a bad size fails again below
        expected = found
    if expected != found:
        name = next(iter(sorted(expected.items() ^ found.items())))[0]
        raise InputError(
            f"the weights {name!r} have shape {found.get(name)}, and {expected.get(name)} is "
            "expected."
        )
    for name, tensor in weights.items():
        if tensor.is_floating_point() and not tensor.isfinite().all():
            raise InputError(f"the weights {name!r} are not finite.")
    network = build_network(sampler)
    network.load_state_dict(weights)
    return network


def outline(sampler: Any) -> dict[str, tuple[int, ...]]:
    """Return the shapes of the weights that the parameters of `sampler` ask for.

    Raises
    ------
    RuntimeError
        The network cannot be built without memory.
    """
    with tensor_defaults(), torch.device("meta"), _Uninitialised():
        return shapes_of(untrained(sampler, sampler.spec_).state_dict())


def shapes_of(weights: Mapping[str, Tensor]) -> dict[str, tuple[int, ...]]:
    """Return the shape of each tensor."""
    return {name: tuple(tensor.shape) for name, tensor in weights.items()}


class _Uninitialised(TorchFunctionMode):
    """Leaves out the functions of `torch.nn.init`: without memory, they import torch's compiler."""

    def __torch_function__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: JSON | None = None
    ) -> Any:
        kwargs = kwargs or {}
        if getattr(func, "__module__", None) == nn.init.__name__:
            return kwargs["tensor"] if "tensor" in kwargs else args[0]
        return func(*args, **kwargs)


def build_network(sampler: Any) -> nn.Module:
    """Build an untrained network without touching the global random state."""
    with fork_rng(0, torch.device("cpu")), tensor_defaults():
        return untrained(sampler, sampler.spec_)


def untrained(sampler: Any, spec: Any) -> nn.Module:
    """Build the network of `sampler`; rows of private training do not meet in a batch norm."""
    network: nn.Module = sampler._build(spec)
    return with_group_norm(network) if has_guarantee(sampler) else network


def has_guarantee(sampler: Any) -> bool:
    """Whether a sampler was fitted privately; its parameters may have changed since."""
    return getattr(sampler, "privacy_", None) is not None


def is_private(sampler: Any) -> bool:
    """Whether a sampler is set to train with a finite privacy budget; raise for anything else."""
    privacy = getattr(sampler, "privacy", None)
    if not (privacy is None or isinstance(privacy, Private)):
        raise InputError(f"privacy={privacy!r} is no budget: give Private(epsilon=..., delta=...).")
    return privacy is not None and privacy.is_finite


def check_guarantee(record: Any) -> JSON | None:
    """Return `privacy_` of a sampler, or raise `InputError` if it is no guarantee."""
    if record is None:
        return None
    known = record if isinstance(record, dict) else {}
    for name, most in (("epsilon", np.inf), ("delta", 1.0)):
        value: Any = known.get(name)
        if type(value) not in (int, float) or not 0 < value < most:
            raise InputError(f"privacy={record!r} has no {name} between 0 and {most:g}.")
    check_str("the unit of privacy", known.get("unit"))
    return known


def check_history(history: Any) -> History:
    """Return `history`, or raise `InputError` if it is not ``{name: list of numbers}``."""
    for name, values in history.items():
        if not isinstance(values, list) or not all(
            isinstance(value, (int, float)) for value in values
        ):
            raise InputError(f"the history of {name!r} is not a list of numbers.")
    return dict(history)


def check_int(name: str, value: Any) -> int:
    """Return `value`, or raise `InputError` if it is not an int."""
    if type(value) is not int:
        raise InputError(f"{name}={value!r} is not an int.")
    return value


def check_str(name: str, value: Any) -> str:
    """Return `value`, or raise `InputError` if it is not a str."""
    if not isinstance(value, str):
        raise InputError(f"{name}={value!r} is not a str.")
    return value


def _check_counts(values: Any, labels: LabelCodec) -> np.ndarray:
    counts = np.array(values)
    if counts.shape != labels.classes.shape or counts.dtype.kind != "i" or (counts <= 0).any():
        raise InputError(
            f"class_count={values!r} does not have a positive count for each of "
            f"{len(labels.classes)} classes."
        )
    return counts


def _params_to_json(params: Mapping[str, Any]) -> JSON:
    modality = _plain(modality_to_json(params.get("modality")))
    special: JSON = {"callbacks": None, "modality": modality}
    if params.get("privacy") is not None:
        special["privacy"] = params["privacy"].to_json()
    return {name: special.get(name, _plain(value)) for name, value in params.items()}


def _params_from_json(cls: Any, record: JSON) -> JSON:
    archive.check_keys(f"parameters of {cls.__name__}", record, set(cls._get_param_names()))
    changed: JSON = {"modality": modality_from_json(record.get("modality")), "callbacks": None}
    changed["privacy"] = Private.from_json(record.get("privacy"))
    return record | {name: value for name, value in changed.items() if name in record}


def _plain(value: Any) -> Any:
    """Return a parameter as JSON values; None for a generator, whose seed is kept as `seed_`."""
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, Mapping):
        return archive.as_pairs({key: _plain(item) for key, item in value.items()})
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    return value if value is None or isinstance(value, (bool, int, float, str)) else None
