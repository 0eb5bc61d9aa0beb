"""Series in every part of the package."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from torch.utils.data import DataLoader, Dataset

from gen_augment import (
    AugmentedDataset,
    BootstrapSampler,
    ConditionalFlow,
    ConditionalGAN,
    ConditionalVAE,
    GenerativeOverSampler,
    InputError,
    PairedVAE,
    SampleBank,
    SMOTESampler,
    Study,
    TransformSampler,
    audit,
    augment_loader,
    load_sampler,
)
from gen_augment.cli import main
from gen_augment.data import Rows
from gen_augment.metrics import features
from gen_augment.modalities import Reading, Series, find_modality
from gen_augment.modalities.series import collate_series
from gen_augment.modalities.series.files import read_file, write_file
from gen_augment.study import Training
from gen_augment.training.classifier import train_classifier

N, LENGTH = 48, 20
Y = np.arange(N) % 2
PHASES = np.random.default_rng(0).uniform(0, 6.28, N)
X = np.sin(np.arange(LENGTH) * np.where(Y, 0.5, 1.2)[:, None] + PHASES[:, None])[:, None]
RAGGED = [row[:, : 12 + i % 9] for i, row in enumerate(X)]
SMALL = {"max_steps": 3, "batch_size": 8, "width": 4, "random_state": 0, "device": "cpu"}


@pytest.mark.parametrize(
    "rows, reading",
    [
        (X, Reading.POSSIBLE),
        (X[:, 0], Reading.POSSIBLE),
        (RAGGED, Reading.POSSIBLE),
        (X[0, 0], Reading.NO),
        (X[:, None], Reading.NO),
        (["a"], Reading.NO),
        ([np.zeros((3, 8, 8)), np.zeros((3, 9, 8))], Reading.NO),
        (pd.DataFrame({"a": [1.0]}), Reading.NO),
        (pd.DataFrame({"a": [pd.Series([1.0, 2.0])]}), Reading.CERTAIN),
    ],
    ids=str,
)
def test_series_are_never_guessed(rows: Any, reading: Reading) -> None:
    assert Series().recognise(rows) is reading


@pytest.mark.parametrize(
    "rows", [X, RAGGED, X.repeat(300, axis=2)[:, 0]], ids=["3-D", "ragged", "wide"]
)
def test_the_error_names_the_word(rows: Any) -> None:
    with pytest.raises(InputError, match='modality="series"'):
        Rows.read(rows, Y)
    assert isinstance(Rows.read(rows, Y, modality="series").modality, Series)
    assert find_modality(X[:, 0]).name == "table"


@pytest.mark.parametrize("cls", [ConditionalVAE, ConditionalGAN, ConditionalFlow, PairedVAE])
@pytest.mark.parametrize("form", ["ragged", "one step", "many channels", "tensor", "integers"])
def test_networks_take_series_of_every_length(cls: Any, form: str, tmp_path: Path) -> None:
    rows: Any = {
        "ragged": RAGGED,
        "one step": X[..., :1],
        "many channels": X.repeat(7, axis=1)[..., :5],
        "tensor": torch.from_numpy(X[:, 0]).float(),
        "integers": (100 * X[:, 0]).astype(np.int16),
    }[form]
    sampler = cls(**SMALL, modality="series").fit(rows, Y)
    made, _ = sampler.sample(y={0: 3, 1: 2})
    assert type(made) is type(rows)
    assert len(made) == 5
    assert made[0].dtype == rows[0].dtype
    lengths = {row.shape[-1] for row in made}
    assert min(lengths) >= min(row.shape[-1] for row in rows)
    assert max(lengths) <= max(row.shape[-1] for row in rows)
    for row in made:
        assert row.min() >= min(r.min() for r in rows)
        assert row.max() <= max(r.max() for r in rows)
    sampler.save(tmp_path / "m.safetensors")
    again = load_sampler(tmp_path / "m.safetensors", device="cpu")
    both = zip(
        again.sample(4, random_state=1)[0], sampler.sample(4, random_state=1)[0], strict=True
    )
    assert all(np.array_equal(a, b) for a, b in both)
    few = sampler.generate([3, 1], [0, 1])
    many = sampler.generate([3, 0, 1], [0, 0, 1])
    np.testing.assert_allclose(few[0], many[0], rtol=1e-4, atol=1e-4)


def test_long_series_fit_too() -> None:
    x = np.random.default_rng(0).normal(size=(8, 1, 1500)).cumsum(axis=2)
    for cls in (ConditionalVAE, ConditionalFlow):
        made = cls(**SMALL, modality="series").fit(x, [0, 1] * 4).sample(3)[0]
        assert made.shape == (3, 1, 1500)


@pytest.mark.parametrize(
    "sampler", [SMOTESampler(), TransformSampler(), BootstrapSampler()], ids=str
)
def test_classical_samplers_take_series(sampler: Any, tmp_path: Path) -> None:
    sampler.set_params(modality="series", random_state=0).fit(X, Y)
    made, _ = sampler.sample(y={1: 40})
    assert made.shape == (40, 1, LENGTH)
    sampler.save(tmp_path / "m.safetensors")
    again = load_sampler(tmp_path / "m.safetensors").sample(9, random_state=0)[0]
    np.testing.assert_array_equal(again, sampler.sample(9, random_state=0)[0])


def test_smote_says_what_it_needs() -> None:
    with pytest.raises(InputError, match="SMOTE needs rows that are encoded as vectors"):
        SMOTESampler(modality="series").fit(RAGGED, Y)


@pytest.mark.parametrize("rows", [X, RAGGED, X[:, 0]], ids=["equal", "ragged", "flat"])
def test_banks_and_over_samplers(rows: Any, tmp_path: Path) -> None:
    sampler = BootstrapSampler(modality="series", random_state=0).fit(rows, Y)
    bank = SampleBank.build(sampler, {0: 20, 1: 5}, tmp_path / "bank")
    known = {np.asarray(row).tobytes() for row in rows}
    assert {np.asarray(row).tobytes() for row in bank.rows(np.arange(25))} <= known
    keep = np.flatnonzero((Y == 0) | (np.arange(N) < 12))
    few = [rows[i] for i in keep] if isinstance(rows, list) else rows[keep]
    made, labels = GenerativeOverSampler(
        BootstrapSampler(modality="series", random_state=0)
    ).fit_resample(few, Y[keep])
    assert np.bincount(labels).tolist() == [24, 24]
    assert len(made) == 48
    assert all(np.array_equal(a, b) for a, b in zip(made, few, strict=False))


class Pairs(Dataset[Any]):
    def __init__(self, rows: Any) -> None:
        self.rows = [torch.from_numpy(row) for row in rows]

    def __len__(self) -> int:
        return N

    def __getitem__(self, number: int) -> tuple[torch.Tensor, int]:
        return self.rows[number], int(Y[number])


def test_datasets_and_loaders() -> None:
    sampler = BootstrapSampler(modality="series", random_state=0).fit(Pairs(X))
    data = AugmentedDataset(Pairs(X), sampler, counts={0: 3, 1: 2})
    assert [tuple(data[i][0].shape) for i in (0, N, N + 4)] == [(1, LENGTH)] * 3
    loader = augment_loader(
        DataLoader(Pairs(X), batch_size=12), sampler, ratio=0.5, return_mask=True
    )
    batches = list(loader)
    assert sum(int(mask.sum()) for *_, mask in batches) == N // 2


def test_loaders_pad_series_of_unequal_lengths() -> None:
    sampler = BootstrapSampler(modality="series", random_state=0).fit(Pairs(RAGGED))
    data = AugmentedDataset(Pairs(RAGGED), sampler, counts={0: 30})
    total = 0
    for (rows, lengths), labels in DataLoader(data, batch_size=13, collate_fn=collate_series):
        assert rows.shape == (len(labels), 1, lengths.max())
        assert all(not row[:, n:].any() for row, n in zip(rows, lengths, strict=True))
        assert lengths.min() >= 12
        total += len(labels)
    assert total == N + 30


def test_audit_and_study(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def briefly(trunk: Any, head: Any, batches: Any, n_steps: int) -> None:
        train_classifier(trunk, head, batches, min(n_steps, 20))

    monkeypatch.setattr(features, "train_classifier", briefly)
    sampler = TransformSampler(modality="series", random_state=0).fit(RAGGED, Y)
    found = audit(sampler, RAGGED, Y, n_samples=40)
    found.to_html(tmp_path / "page.html")
    assert found.table.notna().any(axis=None)
    study = Study(
        RAGGED,
        Y,
        modality="series",
        samplers={"transform": TransformSampler()},
        arms=["real", "window+jitter", "transform"],
        n_seeds=2,
        training=Training(n_steps=5),
    )
    result = study.run()
    assert set(result.scores().columns) == {"real", "window+jitter", "transform"}
    result.to_html(tmp_path / "report.html")


def test_digests_depend_on_values_and_lengths() -> None:
    modality = Series()
    a, b, c = modality.digests([np.ones(3), np.ones(4), np.ones(3)])
    assert a == c != b
    assert modality.digests(np.ones((1, 1, 3), int))[0] == modality.digests(np.ones((1, 3)))[0]


def test_command_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data, model, out = tmp_path / "rows.ts", tmp_path / "m.safetensors", tmp_path / "new.ts"
    write_file(data, iter([(RAGGED, [["up", "down"][code] for code in Y])]))
    for line in (
        ["fit", str(data), "--sampler", "transform", "-o", str(model)],
        ["sample", str(model), "-n", "7", "--label", "up", "-o", str(out)],
        ["sample", str(model), "-n", "7", "-o", str(tmp_path / "new.npz")],
    ):
        with pytest.raises(SystemExit) as ended:
            main(line)
        assert ended.value.code == 0, capsys.readouterr().err
    rows, labels = read_file(out)
    assert labels.tolist() == ["up"] * 7
    assert {row.shape[1] for row in rows} <= set(range(12, LENGTH + 1))
