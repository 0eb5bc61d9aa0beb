"""The weights of one sampler as the start of another, which may have other classes."""

from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from gen_augment.data import LabelCodec
from gen_augment.errors import InputError, NotFittedError
from gen_augment.modalities.conditioning import ClassEmbedding
from gen_augment.samplers.persistence import has_guarantee

__all__ = ["transfer"]


def transfer(method: str, network: nn.Module, init: Any, labels: LabelCodec) -> None:
    """Copy the weights of `init` into `network`, a new one for `labels`.

    Class embeddings are matched by label. The embedding of a new class starts at random, with the
    mean and the spread of the known ones: at the mean itself, new classes would start alike, and a
    small data set would be memorised before they differ. If all classes are new, the parts that
    the network names in `not_transferred` keep their initial weights.

    Raises
    ------
    NotFittedError, InputError
        `init` is not a fitted sampler of this class and size for such rows.
    """
    if type(init).__name__ != method:
        raise InputError(
            f"init is a {type(init).__name__}: a {method} can only start from a fitted {method}."
        )
    if not hasattr(init, "network_"):
        raise NotFittedError(f"init, a {method}, is not fitted yet: call its fit(X, y) first.")
    embeddings = tuple(
        f"{name}." for name, part in network.named_modules() if isinstance(part, ClassEmbedding)
    )
    rows = _rows_of(labels.classes, init.classes_)
    skipped = () if max(rows) >= 0 else getattr(network, "not_transferred", ())
    prefixes = tuple(f"{name}." for name in skipped)
    learned = init.network_.state_dict()
    start: dict[str, Tensor] = {}
    for name, tensor in network.state_dict().items():
        old = learned.get(name)
        if old is not None and name.startswith(embeddings) and old.shape[1:] == tensor.shape[1:]:
            old = torch.cat([_class_vectors(old[:-1], rows, tensor[:-1]), old[-1:]])
        if old is None and has_guarantee(init) and name.endswith("running_mean"):
            raise InputError(
                f"init cannot be the start of this {method}: it was fitted privately, with group "
                "normalisation where this network has batch normalisation. Leave out init, or give "
                "one that was fitted without privacy."
            )
        if old is None or old.shape != tensor.shape:
            found = None if old is None else tuple(old.shape)
            raise InputError(
                f"init cannot be the start of this {method}: its weights {name!r} have shape "
                f"{found}, and {tuple(tensor.shape)} is needed. Give both the same parameters, and "
                "rows of the same shape."
            )
        start[name] = tensor if name.startswith(prefixes) else old
    network.load_state_dict(start)


def _rows_of(classes: np.ndarray, known: np.ndarray) -> list[int]:
    """Return the position of each class among the known ones, -1 for a new one."""
    numbers: dict[Any, int] = {label: number for number, label in enumerate(known.tolist())}
    return [numbers.get(label, -1) for label in classes.tolist()]


def _class_vectors(vectors: Tensor, rows: list[int], fresh: Tensor) -> Tensor:
    """Return vectors of known classes, and `fresh` ones with their mean and spread for new ones."""
    fresh = fresh.to(vectors.device)
    spread = vectors.std(unbiased=False) / fresh.std(unbiased=False).clamp(min=1e-6)
    new = vectors.mean(dim=0) + fresh * spread
    known = torch.tensor(rows) >= 0
    new[known] = vectors[rows][known]
    return new
