"""A view of a batch: its inputs, its labels, and batches like it with other rows.

A batch is a tuple, list, named tuple or mapping. Its inputs are one Tensor, or several
that belong together, such as ``input_ids`` and ``attention_mask``, or padded values and lengths.
"""

import copy
from collections.abc import Hashable, Iterator, Mapping, MutableMapping
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import torch
from torch import Tensor

from gen_augment.errors import InputError
from gen_augment.inject.padding import holds_lengths

__all__ = ["BatchView", "Keys", "check_keys", "put_on", "tensors_in"]

Keys = tuple[Hashable, Hashable]

#: Keys of the inputs in a mapping, such as those of Hugging Face; a batch has one of them.
_INPUT_NAMES = (
    "pixel_values",
    "image",
    "images",
    "x",
    "input",
    "inputs",
    "input_ids",
    "input_values",
    "input_features",
    "inputs_embeds",
)
#: Tensors that describe the inputs row by row and are replaced together with them.
_COMPANION_NAMES = ("attention_mask", "token_type_ids", "position_ids", "pixel_mask")
_LABEL_NAMES = ("labels", "label", "y", "target", "targets")


@dataclass(frozen=True)
class BatchView:
    """The parts of a batch that injectors read and write.

    Attributes
    ----------
    batch : tuple, list, named tuple or mapping
        The batch itself.
    inputs : dict of str or int to Tensor of shape (batch, ...)
        Input Tensors by key: in the batch or, if `container` is set, in that entry.
    labels : Tensor of shape (batch,) or (batch, n_classes)
        Class labels, or class probabilities.
    labels_key : str or int
        Place of the labels in the batch.
    container : str, int or None
        Place of the mapping, or of the pair of values and lengths, that holds the inputs.

    Examples
    --------
    >>> view = BatchView.of({"pixel_values": torch.zeros(4, 3), "labels": torch.arange(4)})
    >>> list(view.inputs), view.labels.tolist(), len(view)
    (['pixel_values'], [0, 1, 2, 3], 4)
    """

    batch: Any
    inputs: dict[Hashable, Tensor]
    labels: Tensor
    labels_key: Hashable
    container: Hashable | None = None

    @classmethod
    def of(cls, batch: Any, keys: Keys | None = None) -> Self:
        """View a batch whose inputs and labels are Tensors with one entry per row.

        Raises
        ------
        InputError
            Inputs or labels are not found, are not Tensors, or do not match in shape.
        """
        keys = _find_keys(batch) if keys is None else keys
        try:
            if isinstance(batch, (tuple, list)):  # -1 is the last
                places: Any = range(len(batch))
                keys = places[keys[0]], places[keys[1]]
            names = _several(batch, keys[0])
            found: Any = {name: batch[name] for name in names} if names else batch[keys[0]]
            labels = batch[keys[1]]
        except (LookupError, TypeError) as error:
            known = f" with {list(batch)}" if isinstance(batch, Mapping) else ""
            raise InputError(
                f"keys={keys!r} are not in a batch that is a {type(batch).__name__}{known}."
            ) from error
        container = None
        if isinstance(found, (tuple, list)) and holds_lengths(pair := dict(enumerate(found))):
            found, container = pair, keys[0]
        elif not isinstance(found, Mapping):
            found = {keys[0]: found}
        elif not names:
            container = keys[0]
            found = {name: part for name, part in found.items() if isinstance(part, Tensor)}
        _check(found, labels, keys)
        return cls(batch, found, labels, keys[1], container)

    def __len__(self) -> int:
        return len(self.labels)

    @property
    def device(self) -> torch.device:
        """Device of the inputs."""
        return next(iter(self.inputs.values())).device

    def on(self, device: torch.device | None) -> Self:
        """Return a view of the batch with all Tensors on a device, or itself for None."""
        if device is None:
            return self
        batch = put_on(self.batch, device)
        held = batch if self.container is None else batch[self.container]
        inputs = {name: held[name] for name in self.inputs}
        return type(self)(batch, inputs, batch[self.labels_key], self.labels_key, self.container)

    def copied(self) -> Self:
        """Return a view with copies of inputs and labels, which may be written to."""
        inputs = {name: part.clone() for name, part in self.inputs.items()}
        labels = self.labels.clone()
        return type(self)(self.batch, inputs, labels, self.labels_key, self.container)

    def extended(self, n: int, like: Tensor) -> Self:
        """Return a view with `n` more rows: empty inputs, and the labels of rows `like`."""
        inputs = {name: _with_room(part, n) for name, part in self.inputs.items()}
        labels = torch.cat([self.labels, self.labels[like.to(self.labels.device)]])
        return type(self)(self.batch, inputs, labels, self.labels_key, self.container)

    def to_batch(self, extras: Mapping[str, Tensor] | None = None) -> Any:
        """Return a batch like the original with these inputs and labels, then `extras`."""
        parts: dict[Hashable, Any] = dict(self.inputs)
        if self.container is not None:
            parts = {self.container: _like(self.batch[self.container], self.inputs)}
        return _like(self.batch, {**parts, self.labels_key: self.labels}, extras)

    def check_only_inputs_and_labels(self) -> None:
        """Raise if the batch holds other values per row, which added rows would not have."""
        if other := self.other_entries():
            raise InputError(
                f"a batch holds {other!r} for each row besides inputs and labels, which added "
                "rows do not have: use mode='replace', or remove them from the batch."
            )

    def check_lengths_are_inputs(self) -> None:
        """Raise if the batch holds other values per row, which may be the lengths of padded rows.

        Synthetic rows of unequal lengths would leave them as they are.
        """
        if len(self.inputs) == 1 and (other := self.other_entries()):
            raise InputError(
                f"a batch holds {other!r} for each row, and synthetic rows have lengths of their "
                "own: collate rows to ((values, lengths), labels), as collate_series does."
            )

    def other_entries(self) -> list[Hashable]:
        """List the keys of what the batch holds for each row besides inputs and labels."""
        known = {
            self.labels_key,
            *([self.container] if self.container is not None else self.inputs),
        }
        n = len(self.labels)
        other = [
            key for key, part in _entries(self.batch) if key not in known and _has_rows(part, n)
        ]
        if self.container is not None:
            inner = _entries(self.batch[self.container])
            other += [key for key, part in inner if key not in self.inputs and _has_rows(part, n)]
        return other


def check_keys(keys: Any) -> None:
    """Raise unless `keys` is None or a pair."""
    if keys is not None and (not isinstance(keys, tuple) or len(keys) != 2):
        raise InputError(f"keys={keys!r}: give (inputs, labels).")


def put_on(batch: Any, device: torch.device | None) -> Any:
    """Return the batch with all its Tensors on a device, or as it is for None."""
    if device is None:
        return batch
    if isinstance(batch, Tensor):
        return batch.to(device, non_blocking=device.type == "cuda")
    if isinstance(batch, (Mapping, tuple, list)):
        return _like(batch, {key: put_on(part, device) for key, part in _entries(batch)})
    return batch


def tensors_in(batch: Any) -> Iterator[Tensor]:
    """Iterate over all Tensors of a batch, at any depth."""
    if isinstance(batch, Tensor):
        yield batch
    elif isinstance(batch, (Mapping, tuple, list)):
        for _, part in _entries(batch):
            yield from tensors_in(part)


def _entries(batch: Any) -> Any:
    return batch.items() if isinstance(batch, Mapping) else enumerate(batch)


def _like(
    batch: Any, values: Mapping[Hashable, Any], extras: Mapping[str, Tensor] | None = None
) -> Any:
    """Return a container like `batch` with some entries replaced and others appended."""
    extras = extras or {}
    if isinstance(batch, MutableMapping):
        out = copy.copy(batch)  # keeps other attributes of the object
        for key, value in (*values.items(), *extras.items()):
            out[key] = value
        return out
    if isinstance(batch, Mapping):
        parts: Any = {**batch, **values, **extras}
        return type(batch)(parts)  # type: ignore[call-arg]
    parts = [values.get(number, part) for number, part in enumerate(batch)]
    if hasattr(batch, "_fields"):
        return (*parts, *extras.values()) if extras else type(batch)(*parts)
    return type(batch)([*parts, *extras.values()])


def _several(batch: Any, key: Hashable) -> tuple[Hashable, ...]:
    """Keys of several inputs, or none if `key` is a single one."""
    return key if isinstance(key, tuple) and key not in batch else ()


def _find_keys(batch: Any) -> Keys:
    if isinstance(batch, Mapping):
        inputs = [name for name in _INPUT_NAMES if name in batch]
        labels = [name for name in _LABEL_NAMES if name in batch]
        if len(inputs) == len(labels) == 1:
            companions = [name for name in _COMPANION_NAMES if name in batch]
            return (inputs[0], *companions) if companions else inputs[0], labels[0]
        raise InputError(
            f"which of {list(batch)} are inputs and labels? Say so with keys=(inputs, labels)."
        )
    if isinstance(batch, (tuple, list)) and len(batch) >= 2:
        return 0, 1
    raise InputError(f"a batch must be (x, y, ...) or a dict, got a {type(batch).__name__}.")


def _check(inputs: Mapping[Hashable, Any], y: Any, keys: Keys) -> None:
    wrong = [part for part in inputs.values() if not isinstance(part, Tensor)]
    if wrong or not inputs or not isinstance(y, Tensor):
        kind = type(wrong[0]).__name__ if wrong else "Tensor" if inputs else "empty dict"
        strings = wrong and isinstance(wrong[0], (tuple, list)) and isinstance(wrong[0][0], str)
        remedy = (
            "texts become Tensors in TextCollator, or in a collate_fn and transform=."
            if strings
            else "make several crops of an image after this, or in AugmentedDataset(transform=...)."
        )
        raise InputError(
            f"a batch must hold two Tensors, got {kind} and {type(y).__name__} at {keys!r}: "
            f"{remedy}"
        )
    is_shares = y.ndim == 2 and y.shape[1] > 1 and y.is_floating_point()
    for x in inputs.values():
        if x.ndim == 0 or not (y.ndim == 1 or is_shares) or len(x) != len(y):
            raise InputError(
                "labels in a batch must have shape (batch,), or (batch, n_classes) as floats, "
                f"with one entry per row; got {tuple(y.shape)} {y.dtype} for inputs of shape "
                f"{tuple(x.shape)}. Use y.squeeze(1) for a column, y.float() for one-hot labels."
            )


def _has_rows(part: Any, n: int) -> bool:
    """Whether an entry of a batch holds one value per row."""
    if isinstance(part, (Tensor, np.ndarray)):
        return part.ndim > 0 and len(part) == n
    if isinstance(part, Mapping):
        return any(_has_rows(inner, n) for inner in part.values())
    if isinstance(part, (tuple, list)):
        return len(part) == n or any(_has_rows(inner, n) for inner in part)
    return hasattr(part, "__len__") and not isinstance(part, (str, bytes)) and len(part) == n


def _with_room(x: Tensor, n: int) -> Tensor:
    """Return the rows of `x` followed by `n` uninitialised rows."""
    plain = x.as_subclass(Tensor)
    is_last = x.ndim == 4 and x.is_contiguous(memory_format=torch.channels_last)
    form = torch.channels_last if is_last and not x.is_contiguous() else torch.contiguous_format
    if x.device.type != "cpu" or x.requires_grad or x.dtype == torch.bfloat16:
        room = plain.new_empty(n, *x.shape[1:])
        return torch.cat([plain, room]).contiguous(memory_format=form).as_subclass(type(x))
    made = torch.empty((len(x) + n, *x.shape[1:]), dtype=x.dtype, memory_format=form)
    # NumPy copies in one thread. Torch's threads wait for each other when workers keep the
    # cores busy, which takes longer than the copy.
    made.numpy()[: len(x)] = plain.numpy()
    return made.as_subclass(type(x))
