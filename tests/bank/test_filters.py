"""Banks of rows that passed filters."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch

from gen_augment import ArchiveError, ConditionalVAE, ExhaustedError, InputError, SampleBank
from tests.bank.toys import Tell, assert_same_rows, everything, files_of
from tests.conftest import as_form

COUNTS = {"a": 40, "b": 25, "c": 35}  # 7 blocks of 16


def third(X: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Keep rows with an address that is a multiple of 3."""
    return X[:, 0] % 3 == 0


def seldom_c(X: np.ndarray, y: np.ndarray) -> list[bool]:
    """Keep all rows of "a" and "b", and every second row of "c". The result is not an array."""
    return [label != "c" or bool(row[0] % 2) for row, label in zip(X, y, strict=True)]


class Below:
    """Keep rows with an address below a bound, as an object with a state."""

    def __init__(self, bound: int) -> None:
        self.bound = bound

    def __call__(self, X: np.ndarray, y: np.ndarray) -> pd.Series:
        return pd.Series(X[:, 0] < self.bound)


@pytest.mark.parametrize(
    "filters", [third, [third], (third, seldom_c), [seldom_c]], ids=["one", "list", "two", "labels"]
)
def test_all_rows_pass_and_have_the_stored_addresses(
    filters: Any, small_blocks: int, tmp_path: Path
) -> None:
    sampler = Tell()
    bank = SampleBank.build(sampler, COUNTS, tmp_path / "bank", filters=filters)
    p = everything(bank)
    rows, y, index = bank.rows(p), bank.labels(p), bank.addresses(p)
    for keep in filters if isinstance(filters, (list, tuple)) else [filters]:
        assert np.all(keep(rows, y))
    assert bank.counts == COUNTS
    np.testing.assert_array_equal(rows[:, 0], index)
    assert len(set(index.tolist())) == 100
    assert_same_rows(bank.rows(p), sampler.generate(index, y, seed=bank.generator.seed))
    bank.verify()
    # Each block has its own addresses, 20 for each row, in any process.
    assert ((index // (20 * 16)) == p // 16).all()
    np.testing.assert_array_equal(bank.addresses(p[::-3]), index[::-3])


@pytest.mark.parametrize(
    "form", ["uint8-nhwc", "float32-nchw", "pil-grey", "table-array", "table-frame", "uint8-tensor"]
)
def test_filtered_rows_keep_their_form(form: str, tmp_path: Path) -> None:
    X, y = as_form(form)
    sampler = ConditionalVAE(
        max_steps=2, batch_size=8, width=2, latent_dim=2, random_state=0, device="cpu"
    ).fit(X, y)
    seen: list[type] = []

    def keep(rows: Any, labels: np.ndarray) -> np.ndarray:
        seen.append(type(rows))
        assert len(rows) == len(labels)
        return np.random.default_rng(len(seen)).random(len(labels)) < 0.6

    bank = SampleBank.build(sampler, 50, tmp_path / "bank", filters=keep)
    p = everything(bank)
    assert set(seen) == {type(X)}
    assert type(bank.rows(p)) is type(X)
    again = sampler.generate(bank.addresses(p), bank.labels(p), seed=bank.generator.seed)
    found, expected = (sampler.codec_.encode(rows) for rows in (bank.rows(p), again))
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=0.02)  # grey levels are rounded


@pytest.mark.parametrize("stop", range(7))
def test_resumed_parts_produce_the_same_bytes(stop: int, small_blocks: int, tmp_path: Path) -> None:
    whole = SampleBank.build(Tell(), COUNTS, tmp_path / "whole", filters=[third, seldom_c])

    def on_block(done: int, of: int) -> None:
        if done == stop:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        SampleBank.build(
            Tell(), COUNTS, tmp_path / "bank", filters=[third, seldom_c], on_block=on_block
        )
    for i in (2, 0, 1):
        done = SampleBank.build_part(
            Tell(), COUNTS, tmp_path / "bank", (i, 3), filters=[third, seldom_c]
        )
    assert done
    assert files_of(tmp_path / "bank") == files_of(whole.path)


def test_exhausted_filters_keep_the_finished_blocks(small_blocks: int, tmp_path: Path) -> None:
    keep = Below(1000)  # 320 addresses for each block: the first four find their rows
    for _ in range(2):
        with pytest.raises(
            ExhaustedError, match=r"the filters kept 0 of 320 rows, and 16 are needed"
        ) as caught:
            SampleBank.build(Tell(), {"a": 100}, tmp_path / "bank", filters=keep, max_draws=20)
        assert (caught.value.kept, caught.value.drawn) == (0, 320)
        with pytest.raises(ArchiveError, match="unfinished bank: 4 of 7 blocks are finished"):
            SampleBank(tmp_path / "bank")
    keep.bound = 10**6  # as if the disk with its reference data was back
    sampler = Tell()
    SampleBank.build(sampler, {"a": 100}, tmp_path / "bank", filters=keep).verify()
    assert sampler.generated == 100 - 64
    with pytest.raises(InputError, match="max_draws 20, not 21"):
        SampleBank.build(Tell(), {"a": 100}, tmp_path / "bank", filters=keep, max_draws=21)


BAD_MASKS = {
    "shape": lambda X, y: np.ones((len(y), 1), bool),
    "length": lambda X, y: np.ones(len(y) + 1, bool),
    "one bool": lambda X, y: True,
    "ints": lambda X, y: np.ones(len(y), int),
    "floats": lambda X, y: X[:, 0],
    "None": lambda X, y: None,
    "objects": lambda X, y: np.array([True] * len(y), object),
    "strings": lambda X, y: ["yes"] * len(y),
    "ragged": lambda X, y: [[True], [True, False]],
    "positions": lambda X, y: np.flatnonzero(X[:, 0] % 2 == 0),
}


@pytest.mark.parametrize("keep", BAD_MASKS.values(), ids=BAD_MASKS)
def test_a_filter_must_return_a_mask(keep: Any, tmp_path: Path) -> None:
    with pytest.raises(
        InputError, match=r"the filter .* for 10 rows: one bool for each row is needed"
    ):
        SampleBank.build(Tell(), 10, tmp_path / "bank", filters=keep)


def test_errors_of_a_filter_are_not_wrapped(tmp_path: Path) -> None:
    def missing(X: Any, y: Any) -> Any:
        raise FileNotFoundError("reference.npy")

    with pytest.raises(FileNotFoundError, match=r"reference\.npy"):
        SampleBank.build(Tell(), 10, tmp_path / "bank", filters=missing)
