"""Addresses of the next rows: of samplers, of banks, and of minimal sources."""

from typing import Any

import numpy as np
import torch
from numpy.typing import ArrayLike

from gen_augment import SampleBank, SMOTESampler
from gen_augment.inject.row_source import counts_by_class, generate_on, next_addresses
from gen_augment.types import SupportsAddresses, SupportsSample
from tests.conftest import toy_table


class Minimal:
    """A source with the required methods alone."""

    classes_ = np.array([0, 1])
    class_prior_ = np.array([0.5, 0.5])

    def generate(self, index: ArrayLike, y: ArrayLike, *, seed: int | None = None) -> Any:
        return torch.from_numpy(np.stack([np.asarray(index), np.asarray(y)], axis=1))


def test_rows_are_numbered_through_all_classes_or_within_each(numbered_bank: SampleBank) -> None:
    codes, n_before = np.array([1, 0, 1, 2]), np.array([5, 2, 0])
    sampler = SMOTESampler().fit(*toy_table())
    for source in (Minimal(), sampler):
        assert next_addresses(source, codes, n_before).tolist() == [7, 8, 9, 10]
        assert not counts_by_class(source)
    assert next_addresses(numbered_bank, codes, n_before).tolist() == [2, 5, 3, 0]
    assert counts_by_class(numbered_bank)
    for source in (sampler, numbered_bank):
        assert isinstance(source, SupportsAddresses)
    assert isinstance(Minimal(), SupportsSample)
    assert not isinstance(Minimal(), SupportsAddresses)


def test_every_source_puts_rows_on_a_device(numbered_bank: SampleBank) -> None:
    X, y = toy_table()
    sampler = SMOTESampler().fit(torch.from_numpy(X), y)
    for source in (Minimal(), sampler, numbered_bank):
        index, labels = np.arange(2), np.array([0, 1])
        rows = generate_on(source, index, labels, None, torch.device("meta"))
        assert rows.device.type == "meta"
