"""Filters, banks, datasets and loaders on tables with columns of several types."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from torch.utils.data import DataLoader, Dataset, TensorDataset

from gen_augment import (
    AugmentedDataset,
    BootstrapSampler,
    FilteredSampler,
    LeakError,
    SampleBank,
    SMOTESampler,
    augment_loader,
)
from gen_augment.filters import CopyGate, LabelAgreement, Novelty, Outliers, Realism
from tests.samplers.test_mixed import draw_mixed

X, Y = draw_mixed(200)


@pytest.mark.parametrize(
    "keep",
    [LabelAgreement(), Realism(), Novelty(), Outliers()],
    ids=lambda keep: type(keep).__name__,
)
def test_filters_of_mixed_tables(keep: Any, tmp_path: Path) -> None:
    sampler = FilteredSampler(SMOTESampler(random_state=0), [keep]).fit(X, Y)
    rows, labels = sampler.sample(y={"yes": 15, "no": 15}, random_state=0)
    assert keep(rows, labels).all()
    assert rows.dtypes.equals(X.dtypes)
    bank = SampleBank.build(sampler, {"yes": 12}, tmp_path / "bank")
    pd.testing.assert_frame_equal(bank.rows(np.arange(12)), sampler.generate(np.arange(12), "yes"))
    far = X.assign(x=X["x"] + 1000)
    if isinstance(keep, Realism):
        assert keep(far[X["x"].notna()], Y[X["x"].notna()]).mean() < 0.1


def test_copies_in_mixed_tables_are_found() -> None:
    gate = CopyGate(forbidden=X.iloc[150:]).fit(X.iloc[:100], Y.iloc[:100])
    new = (
        SMOTESampler(random_state=0)
        .fit(X.iloc[:100], Y.iloc[:100])
        .sample(20, y="no", random_state=0)[0]
    )
    other = new.assign(day=new["day"] + pd.Timedelta(days=1), x=7.0 + np.arange(20) / 3)
    assert gate.keep(other, "no").all()
    with pytest.raises(LeakError, match="1 of 1 synthetic rows"):
        gate.keep(X.iloc[[160]], Y.iloc[160])


class Rows(Dataset[Any]):
    def __len__(self) -> int:
        return len(X)

    def __getitem__(self, i: int) -> tuple[Any, Any]:
        return X.iloc[i], Y.iloc[i]


def test_a_dataset_of_series_is_augmented() -> None:
    sampler = BootstrapSampler(random_state=0).fit(X, Y)
    both = AugmentedDataset(
        Rows(), sampler, sampling_strategy={"yes": (Y == "yes").sum() + 5}, real_labels=Y.to_numpy()
    )
    assert len(both) == 205
    row, label = both[203]
    assert label == "yes"
    assert row.index.tolist() == X.columns.tolist()
    assert type(row) is type(both[0][0])


def test_a_loader_takes_mixed_rows_through_a_transform() -> None:
    def numbers(row: Any) -> torch.Tensor:
        return torch.tensor([row["count"], float(row["flag"])])

    source = BootstrapSampler(random_state=0).fit(X, (Y == "yes").astype(int).to_numpy())
    real = TensorDataset(torch.full((64, 2), -1.0), torch.zeros(64, dtype=torch.int64))
    loader = augment_loader(
        DataLoader(real, batch_size=16), source, ratio=0.5, transform=numbers, seed=0
    )
    rows = torch.cat([x for x, _ in loader])
    made = rows[rows[:, 0] >= 0]
    assert 20 <= len(made) <= 44
    assert set(made[:, 0].tolist()) <= set(X["count"].astype(float))
