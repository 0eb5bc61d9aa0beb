"""Series of unequal lengths in the batches of a loader."""

from typing import Any

import pytest
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from gen_augment import (
    BootstrapSampler,
    InputError,
    SampleBank,
    SyntheticMix,
    augment_loader,
)
from gen_augment.inject.padding import Padded, holds_lengths, write_padded
from gen_augment.modalities.series import collate_series

ROWS = [torch.arange(1.0, 4 + i % 5) + 100 * i for i in range(12)]
KNOWN = {tuple(row.tolist()) for row in ROWS}


class Series(Dataset[Any]):
    def __init__(self, rows: list[Tensor]) -> None:
        self.rows = rows

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, number: int) -> tuple[Tensor, int]:
        return self.rows[number], number % 2


@pytest.fixture(scope="module")
def sources(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    sampler = BootstrapSampler(modality="series", random_state=0).fit(Series(ROWS))
    folder = tmp_path_factory.mktemp("banks") / "bank"
    return {"sampler": sampler, "bank": SampleBank.build(sampler, 12, folder)}


def check(batch: Any, n: int) -> None:
    """Each row is a training row of its label, up to its length, and zeros follow."""
    (values, lengths), labels, synthetic = batch
    assert len(values) == len(lengths) == len(labels) == n
    assert int(synthetic.sum()) == 2
    for row, length, label in zip(values, lengths.tolist(), labels.tolist(), strict=True):
        assert tuple(row[:length].tolist()) in KNOWN
        assert not row[length:].any()
        assert int(row[0]) // 100 % 2 == label


@pytest.mark.parametrize("source", ["sampler", "bank"])
@pytest.mark.parametrize("mode, labels", [("replace", "same"), ("append", "balanced")])
def test_padded_batches_take_rows_of_their_own_lengths(
    source: str, mode: Any, labels: Any, sources: dict[str, Any]
) -> None:
    loader = DataLoader(Series(ROWS), 4, collate_fn=collate_series)
    asked: Any = {"ratio": 0.5, "mode": mode, "labels": labels, "return_mask": True}
    mixed = augment_loader(loader, sources[source], **asked)
    batches = list(mixed)
    for batch in batches:
        check(batch, 4 if mode == "replace" else 6)
    parts: Any = {"batch_sampler": mixed.batch_sampler, "collate_fn": mixed.collate_fn}
    mixed.set_epoch(0)
    for again, batch in zip(DataLoader(mixed.dataset, **parts), batches, strict=True):
        torch.testing.assert_close(again[0], batch[0])


def test_rows_longer_than_the_batch_widen_it(sources: dict[str, Any]) -> None:
    short = DataLoader(Series([row[:3] for row in ROWS]), 4)  # equal, by torch's own collate
    for values, _ in augment_loader(short, sources["sampler"], ratio=1):
        assert all(tuple(row[row != 0].tolist()) in KNOWN for row in values)
    batch = SyntheticMix(sources["bank"], ratio=1)(collate_series(list(Series(ROWS)))[:2])
    assert batch[0][1].max() <= batch[0][0].shape[1]


def test_rows_of_one_length_set_the_lengths() -> None:
    equal = Series([row[:3] for row in ROWS])
    sampler = BootstrapSampler(modality="series", random_state=0).fit(equal)
    loader = DataLoader(Series(ROWS), 12, collate_fn=collate_series)
    [((_, lengths), _)] = augment_loader(loader, sampler, ratio=1)
    assert lengths.tolist() == [3] * 12


def test_lengths_elsewhere_in_a_batch_are_not_left_as_they_are(sources: dict[str, Any]) -> None:
    def collate(rows: Any) -> Any:
        (values, lengths), labels = collate_series(rows)
        return {"x": values, "n": lengths, "y": labels}

    loader = DataLoader(Series(ROWS), 4, collate_fn=collate)
    with pytest.raises(InputError, match=r"\['n'\] for each row, and synthetic rows have lengths"):
        list(augment_loader(loader, sources["bank"], ratio=0.5))
    for batch in augment_loader(loader, sources["bank"], ratio=0.5, keys=(("x", "n"), "y")):
        pairs = zip(batch["x"], batch["n"], strict=True)
        assert all(tuple(row[:n].tolist()) in KNOWN for row, n in pairs)


def test_a_transform_may_give_rows_of_several_lengths(sources: dict[str, Any]) -> None:
    loader = DataLoader(Series(ROWS), 4, collate_fn=collate_series)
    mixed = augment_loader(loader, sources["sampler"], ratio=1, transform=lambda row: row[:-1])
    for (values, lengths), _ in mixed:
        for row, n in zip(values, lengths.tolist(), strict=True):
            assert any(tuple(row[:n].tolist()) == known[:-1] for known in KNOWN)
    with pytest.raises(InputError, match="transform returns a list"):
        list(augment_loader(loader, sources["bank"], ratio=1, transform=lambda row: row.tolist()))


def test_batches_of_strings_name_the_collator(sources: dict[str, Any]) -> None:
    with pytest.raises(InputError, match="texts become Tensors in TextCollator"):
        list(augment_loader([(["a", "b"], torch.tensor([0, 1]))], sources["bank"], ratio=1))


def test_other_forms_are_refused() -> None:
    rows = Padded.whole(torch.ones(2, 5))
    assert rows.lengths.tolist() == [5, 5]
    assert not holds_lengths({0: torch.ones(2, 5), 1: torch.ones(2, 5)})
    window = slice(0, 2)
    with pytest.raises(InputError, match="real rows are Tensor"):
        write_padded({0: torch.ones(2, 3, 5)}, window, rows, window)
    with pytest.raises(InputError, match="give values and lengths"):
        write_padded({0: torch.ones(2, 5), 1: torch.ones(2, 5)}, window, rows, window)
