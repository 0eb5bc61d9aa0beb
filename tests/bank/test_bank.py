"""A bank returns the rows of its sampler, in the form of the training rows."""

from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import polars
import pytest
import torch

from gen_augment import ConditionalGAN, ConditionalVAE, InputError, SampleBank
from gen_augment.inject.row_source import describe
from tests.bank.toys import assert_same_rows, everything
from tests.conftest import FORMS, as_form, toy_images, toy_table


def more_form(form: str) -> tuple[Any, Any]:
    """Forms that are difficult to store in a file of numbers."""
    (images, y), (table, table_y) = toy_images(), toy_table()
    frame = pd.DataFrame({"a": table[:, 0], 5: np.rint(table[:, 1]), "c": table[:, 2] > 0})
    return {
        "bfloat16-images": lambda: (
            (torch.from_numpy(images).permute(0, 3, 1, 2) / 255).bfloat16(),
            y,
        ),
        "bfloat16-table": lambda: (torch.from_numpy(table).bfloat16(), table_y),
        "float16-table": lambda: (table.astype(np.float16), table_y),
        "bool-images": lambda: (images[..., 0] > 100, y),
        "big-endian-images": lambda: (images.astype(">u2"), y),
        "big-endian-table": lambda: (table.astype(">f4"), table_y),
        "int-table": lambda: (np.rint(table * 9).astype(np.int32), table_y),
        "nullable-frame": lambda: (
            frame.astype({"a": "Float32", 5: "Int64", "c": "boolean"}),
            table_y,
        ),
        "polars-frame": lambda: (
            polars.DataFrame({"a": table[:, 0], "b": np.rint(table[:, 1]), "c": table[:, 2] > 0}),
            table_y,
        ),
        "arrow-frame": lambda: (
            frame.astype({"a": "float[pyarrow]", 5: "int32[pyarrow]"}),
            table_y,
        ),
    }[form]()


MORE = [
    "bfloat16-images", "bfloat16-table", "float16-table", "bool-images", "big-endian-images", "big-endian-table",
    "int-table", "nullable-frame", "polars-frame", "arrow-frame",
]  # fmt: skip


@cache
def fitted(form: str) -> tuple[ConditionalVAE, Any, Any]:
    X, y = as_form(form) if form in FORMS else more_form(form)
    model = ConditionalVAE(
        max_steps=2, batch_size=8, width=2, latent_dim=2, random_state=3, device="cpu"
    )
    return model.fit(X, y), X, y


@pytest.mark.parametrize("form", FORMS + MORE)
def test_rows_equal_those_of_the_sampler(form: str, tmp_path: Path) -> None:
    sampler, X, _ = fitted(form)
    for where, bank in {
        "int": SampleBank.build(sampler, 23, tmp_path / "int"),
        "dict": SampleBank.build(
            sampler, {sampler.classes_.tolist()[1]: 9}, tmp_path / "dict", seed=11
        ),
    }.items():
        p = everything(bank)
        expected = sampler.generate(bank.addresses(p), bank.labels(p), seed=bank.generator.seed)
        if isinstance(X, np.ndarray):
            expected = expected.astype(X.dtype, copy=False)  # a foreign byte order is kept
        assert_same_rows(bank.rows(p), expected)
        assert_same_rows(SampleBank(tmp_path / where).rows(p), expected)
        assert type(bank.rows(p)) is type(X)
        if isinstance(X, pd.DataFrame):
            assert bank.rows(p).dtypes.equals(X.dtypes)
            assert bank.rows(p).columns.tolist() == X.columns.tolist()
            pd.testing.assert_series_equal(bank[3][0], bank.rows(p).iloc[3], check_names=False)
        elif isinstance(X, polars.DataFrame):
            n = X.width  # a batch of as many rows as columns
            assert [row for row, _ in bank.__getitems__(range(n))] == bank.rows(p)[:n].to_dicts()
            assert bank[3][0] == bank.rows(p).row(3, named=True)
        else:
            assert describe(bank[3][0]) == describe(X[3])
        assert bank.labels(p).dtype == sampler.classes_.dtype


@pytest.mark.parametrize("form", FORMS)
def test_counts_are_exact(form: str, tmp_path: Path) -> None:
    sampler, _, y = fitted(form)
    first, second = sampler.classes_.tolist()
    bank = SampleBank.build(sampler, 23, tmp_path / "int")
    assert bank.counts == {first: 12, second: 11}  # half of the rows are of each class
    assert bank.class_prior_.tolist() == [12 / 23, 11 / 23]
    assert [label for _, label in bank] == [first] * 12 + [second] * 11
    assert type(bank[0][1]) is type(first)

    bank = SampleBank.build(sampler, {second: 5, first: 0}, tmp_path / "dict")
    assert len(bank) == 5
    assert bank.counts == {second: 5}
    assert bank.classes_.tolist() == [second]
    assert bank.class_prior_.tolist() == [1.0]
    assert bank.classes_.dtype == sampler.classes_.dtype
    assert [label for _, label in bank] == [second] * 5
    assert bank.label_codec_.decode(np.array([1])).__class__ is type(y)


def test_the_generator_is_recorded(image_sampler: ConditionalVAE, tmp_path: Path) -> None:
    bank = SampleBank.build(image_sampler, 10, tmp_path / "own")
    other = SampleBank.build(image_sampler, 10, tmp_path / "other", seed=4)
    assert (bank.generator.name, bank.generator.fingerprint) == (
        "ConditionalVAE",
        image_sampler.fingerprint(),
    )
    assert (bank.generator.seed, other.generator.seed) == (image_sampler.seed_, 4)
    assert not np.array_equal(bank.rows(everything(bank)), other.rows(everything(other)))
    assert (
        repr(bank)
        == f"SampleBank({str(tmp_path / 'own')!r}): 10 rows of ConditionalVAE, {{0: 5, 1: 5}}"
    )


@pytest.mark.parametrize("data", [toy_images, toy_table], ids=["images", "table"])
def test_rows_of_many_blocks_equal_those_of_the_sampler(
    data: Any, small_blocks: int, tmp_path: Path
) -> None:
    X, y = data()
    sampler = ConditionalGAN(
        max_steps=2, batch_size=8, width=2, latent_dim=2, random_state=3, device="cpu"
    )
    bank = SampleBank.build(
        sampler.fit(X.astype(np.float32), y), {0: 70, 1: 131}, tmp_path / "bank"
    )
    p = np.random.default_rng(0).permutation(201)
    expected = sampler.generate(bank.addresses(p), bank.labels(p), seed=bank.generator.seed)
    np.testing.assert_allclose(bank.rows(p), expected, rtol=1e-4, atol=1e-3)
    bank.verify()


def test_real_blocks_hold_thousands_of_rows(table_sampler: ConditionalVAE, tmp_path: Path) -> None:
    told: list[tuple[int, int]] = []
    bank = SampleBank.build(
        table_sampler, 10_000, tmp_path / "bank", on_block=lambda *done: told.append(done)
    )
    assert told == [(0, 3), (1, 3), (2, 3), (3, 3)]
    p = everything(bank)
    np.testing.assert_allclose(
        bank.rows(p), table_sampler.generate(p, bank.labels(p)), rtol=1e-4, atol=1e-5
    )


def test_rows_are_copies(image_sampler: ConditionalVAE, tmp_path: Path) -> None:
    bank = SampleBank.build(image_sampler, 10, tmp_path / "bank")
    p = everything(bank)
    before = bank.rows(p).copy()
    bank.rows(p)[:] = 0
    bank[3][0][:] = 0
    np.testing.assert_array_equal(bank.rows(p), before)
    bank.verify()


def test_positions_of_rows(table_sampler: ConditionalVAE, tmp_path: Path) -> None:
    bank = SampleBank.build(table_sampler, {0: 4, 1: 6}, tmp_path / "bank")
    rows = bank.rows(everything(bank))
    for place in (0, 9, -1, -10, np.int64(-3)):
        np.testing.assert_array_equal(bank[place][0], rows[place])
        assert bank[place][1] == int(place % 10 >= 4)
    for place in (10, -11, 10**30):
        with pytest.raises(IndexError, match=f"row {place} of a bank of 10 rows"):
            bank[place]
    for read in (bank.rows, bank.labels, bank.addresses, bank.__getitems__):
        with pytest.raises(IndexError, match="row 10 of a bank of 10 rows"):
            read(np.array([0, 10]))
        with pytest.raises(ValueError, match="index"):
            read(np.array([-1]))  # a negative index must not read the last row
        assert len(read(np.array([], int))) == 0


@pytest.mark.parametrize(
    "form", ["float32-nchw", "normalised-tensor", "uint8-tensor", "table-tensor"]
)
def test_rows_are_written_into_a_tensor(form: str, tmp_path: Path) -> None:
    sampler, _, _ = fitted(form)
    plain = SampleBank.build(sampler, 30, tmp_path / "plain")
    filtered = SampleBank.build(
        sampler, 30, tmp_path / "filtered", filters=[lambda X, y: np.ones(len(y), bool)]
    )
    places = np.array([29, 0, 7, 7])
    for bank in (plain, filtered):
        rows = torch.as_tensor(bank.rows(places))
        batch = torch.zeros(6, *rows.shape[1:], dtype=rows.dtype)
        bank.read_into(places, batch[1:5])
        assert torch.equal(batch[1:5], rows)
        assert not batch[[0, 5]].any()
        for wrong in (-1, 30):
            with pytest.raises(InputError, match="of a bank of 30 rows"):
                bank.read_into(np.array([wrong]), batch[:1])
