"""Batches of a `TensorDataset`, gathered at once.

torch reads such a dataset row by row and stacks the rows, which takes longer than all else in
a batch. One index of each Tensor gives the same batch.
"""

import copy
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset, Subset, TensorDataset, default_collate

__all__ = ["GatheredRows", "gathering", "gives_new_tensors"]


def gives_new_tensors(loader: Any) -> bool:
    """Whether batches are new Tensors that nothing else holds, as `default_collate` makes them."""
    return (
        isinstance(loader, DataLoader)
        and type(loader).__iter__ is DataLoader.__iter__
        and loader.collate_fn is default_collate
    )


def gathering(loader: Any) -> Any:
    """Return a loader that gives the same batches faster, or the loader itself.

    Only a plain DataLoader of a `TensorDataset`, or of a `Subset` of one, can be changed. It must
    have torch's own collate function, and no function that may look at the dataset in a worker.
    """
    is_plain = type(loader) is DataLoader and gives_new_tensors(loader)
    if not is_plain or loader.batch_sampler is None or loader.worker_init_fn is not None:
        return loader
    data: Any = loader.dataset
    while type(data) is Subset:
        data = data.dataset
    if type(data) is not TensorDataset or not all(map(_is_plain, data.tensors)):
        return loader
    faster = copy.copy(loader)
    faster.__dict__.update(dataset=GatheredRows(loader.dataset), collate_fn=_as_collated)
    return faster


class GatheredRows(Dataset[Any]):
    """Whole batches of a `TensorDataset`, or of a `Subset` of one.

    Parameters
    ----------
    data : TensorDataset or Subset
    """

    def __init__(self, data: Any) -> None:
        self.data = data

    def __len__(self) -> int:
        return len(self.data)

    def __getitems__(self, indices: Sequence[Any]) -> list[Tensor]:
        # DataLoader calls this method for whole batches.
        data, where = self.data, indices
        while isinstance(data, Subset):
            where = [data.indices[index] for index in where]
            data = data.dataset
        if all(isinstance(each, (int, np.integer)) and each >= 0 for each in where):
            index = torch.as_tensor(where)
            if index.dtype == torch.int64:
                return [t.index_select(0, index.to(t.device)) for t in data.tensors]
        rows: list[Tensor] = default_collate([self.data[each] for each in indices])
        return rows


def _as_collated(batch: Any) -> Any:
    return batch


def _is_plain(tensor: Any) -> bool:
    is_strided = tensor.layout is torch.strided and not tensor.is_nested
    return type(tensor) is Tensor and is_strided and not tensor.requires_grad
