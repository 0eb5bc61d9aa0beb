"""A user's sampler of strings: each letter is drawn by its frequency in the class."""

from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from gen_augment.data import Rows
from gen_augment.errors import InputError
from gen_augment.rng import derive_seed, uniform
from gen_augment.samplers import ClassicalSampler, register_sampler


class UnigramSampler(ClassicalSampler):
    """Letters at every position, independent of each other."""

    method = "unigram"

    def _learn(self, rows: Rows) -> None:
        self._set_codec(rows.codec)
        shape = (len(rows), len(rows.codec.blocks), -1)
        y = torch.from_numpy(rows.codes)
        means = [rows.encoded.reshape(shape)[y == c].mean(dim=0) for c in range(rows.n_classes)]
        self._shares = torch.stack(means)  # (n_classes, length, n_letters)

    def _make(self, index: np.ndarray, codes: np.ndarray, seed: int) -> Any:
        length = len(self.codec_.blocks)
        u = torch.from_numpy(uniform(index, derive_seed(seed, "letters"), (length,)))
        ends = self._shares[torch.from_numpy(codes)].double().cumsum(dim=2)
        letters = (u[..., None] * ends[..., -1:] >= ends).sum(dim=2)
        return self.codec_.decode(F.one_hot(letters, ends.shape[2]).flatten(1).float())

    def _to_tensors(self) -> dict[str, Tensor]:
        return {"shares": self._shares}

    def _from_tensors(self, tensors: dict[str, Tensor]) -> None:
        expected = (len(self.classes_), len(self.codec_.blocks))
        if tuple(tensors["shares"].shape[:2]) != expected:
            raise InputError(f"shares of shape {tuple(tensors['shares'].shape)} do not fit.")
        self._shares = tensors["shares"]


register_sampler(UnigramSampler)
