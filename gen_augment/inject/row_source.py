"""Sources of synthetic rows: checks, addresses of their next rows, and the form of a row."""

from typing import Any, cast

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from gen_augment.data.counts import consecutive
from gen_augment.errors import InputError
from gen_augment.types import SupportsAddresses, SupportsSample

__all__ = [
    "as_tensor",
    "check_same_form",
    "check_source",
    "counts_by_class",
    "describe",
    "generate_on",
    "next_addresses",
    "sites_of",
]


def next_addresses(source: SupportsSample, codes: np.ndarray, n_before: np.ndarray) -> np.ndarray:
    """Return the addresses of the next rows of a source.

    Parameters
    ----------
    source : fitted sampler, SampleBank or other source
        A source without a method `next_addresses` numbers its rows consecutively.
    codes : ndarray of shape (n,)
        Class numbers of the next rows.
    n_before : ndarray of shape (n_classes,)
        How many rows of each class came before.

    Returns
    -------
    ndarray of shape (n,), int64
    """
    if hasattr(source, "next_addresses"):  # isinstance takes as long as the rest of a batch
        return cast(SupportsAddresses, source).next_addresses(codes, n_before)
    return consecutive(codes, n_before)


def counts_by_class(source: SupportsSample) -> bool:
    """Whether the address of a row depends on the classes of the rows before it."""
    n_before = np.ones(len(source.classes_), np.int64)
    first = next_addresses(source, np.zeros(1, np.int64), n_before)
    return int(first[0]) != int(n_before.sum())


def generate_on(
    source: SupportsSample,
    index: np.ndarray,
    labels: np.ndarray,
    seed: int | None,
    device: torch.device,
) -> Any:
    """Return rows by address, on the device if they are Tensors."""
    if hasattr(source, "next_addresses"):
        return cast(SupportsAddresses, source).generate(index, labels, seed=seed, device=device)
    rows = source.generate(index, labels, seed=seed)
    if isinstance(rows, Tensor):
        return rows.to(device, non_blocking=device.type == "cuda")
    return rows


def check_source(source: Any) -> None:
    """Raise unless `source` is fitted and gives rows by address."""
    if isinstance(source, type):
        raise InputError(f"{source.__name__} is a class: give a fitted sampler or a SampleBank.")
    if hasattr(source, "__sklearn_is_fitted__") and not source.__sklearn_is_fitted__():
        source.generate([], [])  # raises NotFittedError
    if not isinstance(source, SupportsSample):
        raise InputError(
            f"a {type(source).__name__} is not a source of rows: give a fitted sampler or a "
            "SampleBank."
        )


def as_tensor(array: np.ndarray) -> Tensor:
    """Return the array as a Tensor, in the byte order of this machine."""
    return torch.from_numpy(array.astype(array.dtype.newbyteorder("="), copy=False))


def sites_of(source: Any, index: np.ndarray, labels: np.ndarray, seed: int) -> list[str]:
    """Return the site that each row of a pooled sampler comes from; empty names for others."""
    if not hasattr(source, "origins"):
        return [""] * len(index)
    sites: list[str] = source.origins(index, labels, seed=seed).tolist()
    return sites


def describe(row: Any) -> tuple[str, tuple[int, ...], str]:
    """Return type, shape and dtype of one row."""
    if isinstance(row, torch.Tensor):
        return "Tensor", tuple(row.shape), str(row.dtype)
    if isinstance(row, np.ndarray):
        return "ndarray", row.shape, str(row.dtype)
    if isinstance(row, Image.Image):
        return "PIL image", row.size, row.mode
    return type(row).__name__, (), ""


def check_same_form(real: Any, synthetic: Any, name: str = "", *, one_shape: bool = True) -> None:
    """Raise unless a synthetic row has the type, dtype and, by default, shape of a real one."""
    mine, theirs = describe(synthetic), describe(real)
    if not one_shape:
        mine, theirs = (mine[0], (), mine[2]), (theirs[0], (), theirs[2])
    if mine != theirs:
        raise InputError(
            f"real rows{name} are {' '.join(map(str, theirs))} and synthetic ones "
            f"{' '.join(map(str, mine))}: fit the sampler on rows as this pipeline gives them, or "
            "pass a transform that converts synthetic rows to that form."
        )
