"""The structure of a batch: where inputs and labels are in a tuple, list, named tuple or dict, and copies like it."""

import copy
from collections.abc import Hashable, Iterator, Mapping, MutableMapping
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader, default_collate

from gen_augment.errors import InputError

__all__ = [
    "Keys",
    "check_no_other_rows",
    "close_batch",
    "open_batch",
    "owns_batches",
    "put_on",
    "tensors_in",
    "with_room",
]

Keys = tuple[Hashable, Hashable]

#: Names under which inputs and labels lie in a batch that is a dict, such as those of Hugging Face.
_INPUT_NAMES = ("pixel_values", "image", "images", "x", "input", "inputs")
_LABEL_NAMES = ("labels", "label", "y", "target", "targets")


def open_batch(batch: Any, keys: Keys | None = None) -> Keys:
    """Keys of inputs and labels in a batch, after a check that they are one Tensor each, with a row for a row."""
    keys = _find_keys(batch) if keys is None else keys
    try:
        if isinstance(batch, (tuple, list)):  # -1 is the last
            places: Any = range(len(batch))
            keys = places[keys[0]], places[keys[1]]
        x, y = batch[keys[0]], batch[keys[1]]
    except (LookupError, TypeError) as error:
        known = f" with {list(batch)}" if isinstance(batch, Mapping) else ""
        raise InputError(
            f"keys={keys!r} are not in a batch that is a {type(batch).__name__}{known}."
        ) from error
    if not isinstance(x, Tensor) or not isinstance(y, Tensor):
        raise InputError(
            f"a batch must hold two Tensors, got {type(x).__name__} and {type(y).__name__} at {keys!r}: make several "
            "crops of an image after this, or in AugmentedDataset(transform=...)."
        )
    if (
        y.ndim not in (1, 2)
        or x.ndim == 0
        or len(x) != len(y)
        or (y.ndim == 2 and (y.shape[1] < 2 or not y.is_floating_point()))
    ):
        raise InputError(
            f"labels in a batch must have shape (batch,), or (batch, n_classes) as shares, one for each row; got "
            f"{tuple(y.shape)} {y.dtype} for inputs of shape {tuple(x.shape)}. y.squeeze(1) makes labels of a column, "
            "y.float() shares of one-hot labels."
        )
    return keys


def close_batch(
    batch: Any, values: Mapping[Hashable, Any], extras: Mapping[str, Tensor] | None = None
) -> Any:
    """A batch like `batch` with other values in places, and more at its end."""
    extras = extras or {}
    if isinstance(batch, MutableMapping):
        out = copy.copy(batch)  # what else the object holds stays
        for key, value in (*values.items(), *extras.items()):
            out[key] = value
        return out
    if isinstance(batch, Mapping):
        return type(batch)(dict((*batch.items(), *values.items(), *extras.items())))  # type: ignore[call-arg]
    parts = [values.get(number, part) for number, part in enumerate(batch)]
    if hasattr(batch, "_fields"):
        return (*parts, *extras.values()) if extras else type(batch)(*parts)
    return type(batch)([*parts, *extras.values()])


def with_room(x: Tensor, n: int) -> Tensor:
    """The rows of `x`, and `n` more that are still to be written."""
    room = x.new_empty(n, *x.shape[1:])
    if x.device.type != "cpu" or x.requires_grad or x.dtype == torch.bfloat16:
        return torch.cat([x, room])
    # By one thread: where workers keep the cores busy, torch's threads wait for each other longer than the copy takes.
    return torch.from_numpy(np.concatenate([x.numpy(), room.numpy()]))


def put_on(batch: Any, device: torch.device | None) -> Any:
    """The batch with all its Tensors on a device, if one is given."""
    if device is None:
        return batch
    if isinstance(batch, Tensor):
        return batch.to(device, non_blocking=device.type == "cuda")
    if isinstance(batch, Mapping):
        return close_batch(batch, {key: put_on(part, device) for key, part in batch.items()})
    if isinstance(batch, (tuple, list)):
        return close_batch(
            batch, {number: put_on(part, device) for number, part in enumerate(batch)}
        )
    return batch


def tensors_in(batch: Any) -> Iterator[Tensor]:
    """All Tensors of a batch, however deep."""
    if isinstance(batch, Tensor):
        yield batch
    elif isinstance(batch, (Mapping, tuple, list)):
        for part in batch.values() if isinstance(batch, Mapping) else batch:
            yield from tensors_in(part)


def check_no_other_rows(batch: Any, keys: Keys, n: int) -> None:
    """Raise if a batch holds more for each row: nothing is known of it for rows that are added."""
    parts = batch.items() if isinstance(batch, Mapping) else enumerate(batch)
    other = [key for key, part in parts if key not in keys and _holds_rows(part, n)]
    if other:
        raise InputError(
            f"a batch holds {other!r} for each row besides inputs and labels, which rows that are added have not: "
            "use mode='replace', or leave them out of the batch."
        )


def owns_batches(loader: Any) -> bool:
    """Whether batches are new Tensors that nobody else holds, as those which `default_collate` stacks are."""
    return (
        isinstance(loader, DataLoader)
        and type(loader).__iter__ is DataLoader.__iter__
        and loader.collate_fn is default_collate
    )


def _holds_rows(part: Any, n: int) -> bool:
    if isinstance(part, (Tensor, np.ndarray)):
        return part.ndim > 0 and len(part) == n
    if isinstance(part, Mapping):
        return any(_holds_rows(inner, n) for inner in part.values())
    if isinstance(part, (tuple, list)):
        return len(part) == n or any(_holds_rows(inner, n) for inner in part)
    return hasattr(part, "__len__") and not isinstance(part, (str, bytes)) and len(part) == n


def _find_keys(batch: Any) -> Keys:
    if isinstance(batch, Mapping):
        found = [
            [name for name in names if name in batch] for names in (_INPUT_NAMES, _LABEL_NAMES)
        ]
        if len(found[0]) == len(found[1]) == 1:
            return found[0][0], found[1][0]
        raise InputError(
            f"which of {list(batch)} are inputs and labels? Say so with keys=(inputs, labels)."
        )
    if isinstance(batch, (tuple, list)) and len(batch) >= 2:
        return 0, 1
    raise InputError(f"a batch must be (x, y, ...) or a dict, got a {type(batch).__name__}.")
