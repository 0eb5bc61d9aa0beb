"""A user's modality and sampler, in two files, work in every part of the package."""

import json
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from sklearn.base import clone
from torch.utils.data import DataLoader, Dataset

from gen_augment import (
    AugmentedDataset,
    ConditionalFlow,
    ConditionalGAN,
    ConditionalVAE,
    FilteredSampler,
    GenerativeOverSampler,
    InputError,
    PairedVAE,
    SampleBank,
    Study,
    audit,
    augment_loader,
    load_sampler,
)
from gen_augment.cli import main
from gen_augment.data import Rows
from gen_augment.filters import CopyGate, LabelAgreement, Novelty, Outliers, Realism
from gen_augment.metrics import two_sample_auc
from tests.toy.letters import ALPHABET, Letters
from tests.toy.unigram import UnigramSampler

SHARES = {"up": [0.7, 0.1, 0.1, 0.1], "down": [0.1, 0.1, 0.1, 0.7]}
LENGTH = 14


def draw(n: int, seed: int = 0) -> tuple[list[str], list[str]]:
    rng = np.random.default_rng(seed)
    labels = [["up", "down"][i % 2] for i in range(n)]
    return ["".join(rng.choice(list(ALPHABET), LENGTH, p=SHARES[y])) for y in labels], labels


X, Y = draw(240)


def letter_shares(rows: list[str]) -> np.ndarray:
    return np.array([sum(row.count(c) for row in rows) for c in ALPHABET]) / (LENGTH * len(rows))


@pytest.fixture(scope="module")
def sampler() -> UnigramSampler:
    return UnigramSampler(random_state=0).fit(X, Y)


def test_samples_have_the_shares_of_their_class(sampler: UnigramSampler) -> None:
    rows, labels = sampler.sample(y={"up": 2000, "down": 2000})
    assert labels == ["up"] * 2000 + ["down"] * 2000
    np.testing.assert_allclose(letter_shares(rows[:2000]), SHARES["up"], atol=0.05)
    np.testing.assert_allclose(letter_shares(rows[2000:]), SHARES["down"], atol=0.05)


def test_rows_are_addressed(sampler: UnigramSampler) -> None:
    whole = sampler.generate(np.arange(300), "up", seed=5)
    assert sampler.generate([299, 7], "up", seed=5) == [whole[299], whole[7]]


@pytest.mark.parametrize("cls", [ConditionalVAE, ConditionalGAN, ConditionalFlow, PairedVAE])
def test_generic_samplers_learn_the_modality(cls: Any, tmp_path: Path) -> None:
    made = cls(max_steps=150, width=8, random_state=0, device="cpu").fit(X, Y)
    rows, _ = made.sample(y={"up": 200})
    assert all(isinstance(row, str) and len(row) == LENGTH for row in rows)
    assert letter_shares(rows)[0] > letter_shares(rows)[3] + 0.2
    made.save(tmp_path / "model.safetensors")
    again = load_sampler(tmp_path / "model.safetensors", device="cpu")
    assert again.sample(9, random_state=1) == made.sample(9, random_state=1)


def test_save_load_pickle_and_clone(sampler: UnigramSampler, tmp_path: Path) -> None:
    sampler.save(tmp_path / "model.safetensors")
    expected = sampler.sample(20, random_state=3)
    for other in (
        load_sampler(tmp_path / "model.safetensors"),
        UnigramSampler.load(tmp_path / "model.safetensors"),
        pickle.loads(pickle.dumps(sampler)),
        clone(sampler).fit(X, Y),
    ):
        assert isinstance(other, UnigramSampler)
        assert other.sample(20, random_state=3) == expected
        assert other.fingerprint() == sampler.fingerprint()


def test_bank(sampler: UnigramSampler, tmp_path: Path) -> None:
    bank = SampleBank.build(sampler, {"up": 30, "down": 10}, tmp_path / "bank")
    assert len(bank) == 40
    rows = bank.generate(np.arange(10), "down")
    assert all(isinstance(row, str) and len(row) == LENGTH for row in rows)
    np.testing.assert_allclose(letter_shares(rows), SHARES["down"], atol=0.25)


class Strings(Dataset[Any]):
    def __len__(self) -> int:
        return len(X)

    def __getitem__(self, number: int) -> tuple[str, str]:
        return X[number], Y[number]


def as_numbers(row: str) -> torch.Tensor:
    return torch.tensor([ALPHABET.index(letter) for letter in row])


class Numbered(Strings):
    def __getitem__(self, number: int) -> tuple[torch.Tensor, int]:  # type: ignore[override]
        return as_numbers(X[number]), int(Y[number] == "up")


def test_dataset_and_loader(sampler: UnigramSampler) -> None:
    data = AugmentedDataset(Strings(), sampler, counts={"up": 5, "down": 3})
    assert len(data) == len(X) + 8
    assert [data[len(X) + i][1] for i in range(8)].count("up") == 5
    numbered = UnigramSampler(random_state=0).fit(X, [int(y == "up") for y in Y])
    loader = DataLoader(Numbered(), batch_size=12)
    mixed = augment_loader(
        loader, numbered, ratio=0.5, labels="same", transform=as_numbers, return_mask=True
    )
    rows, labels, is_synthetic = (torch.cat(parts) for parts in zip(*mixed, strict=True))
    assert rows.shape == (len(X), LENGTH)
    assert int(is_synthetic.sum()) == len(X) // 2
    shares = [float((rows[is_synthetic & (labels == y)] == 0).float().mean()) for y in (1, 0)]
    np.testing.assert_allclose(shares, [SHARES["up"][0], SHARES["down"][0]], atol=0.12)


def test_over_sampler() -> None:
    few = X[:100] + [row for row, y in zip(X[100:140], Y[100:140], strict=True) if y == "up"]
    labels = Y[:100] + ["up"] * (len(few) - 100)
    rows, new = GenerativeOverSampler(UnigramSampler(random_state=0)).fit_resample(few, labels)
    assert rows[: len(few)] == few
    assert new.count("up") == new.count("down") == 70
    np.testing.assert_allclose(letter_shares(rows[len(few) :]), SHARES["down"], atol=0.15)


@pytest.mark.parametrize(
    "gate",
    [Realism(), Novelty(), Outliers(), LabelAgreement(n_steps=100), CopyGate(max_copies=1000)],
    ids=lambda gate: type(gate).__name__,
)
def test_filters(gate: Any) -> None:
    gate.fit(X, Y)
    kept = gate.keep([*X[:5], "a" * 13 + "d"], ["up", "down", "up", "down", "up", "up"])
    assert kept.shape == (6,)
    assert kept.dtype == bool
    if isinstance(gate, Novelty):
        assert not kept[:5].any()  # copies of training rows
    if isinstance(gate, LabelAgreement):
        assert gate.keep(["a" * LENGTH] * 2, ["up", "down"]).tolist() == [True, False]


def test_a_filtered_sampler_works_like_any_sampler() -> None:
    gate = LabelAgreement(n_steps=100)
    made = FilteredSampler(UnigramSampler(random_state=0), [gate]).fit(X, Y)
    rows, labels = made.sample(30)
    assert gate.keep(rows, labels).all()


def test_metrics(sampler: UnigramSampler) -> None:
    rows = Rows.read(X, Y)
    made, other = sampler.sample(240)[0], draw(240, seed=1)[0]
    near = two_sample_auc(rows.like(made, Y).encoded, rows.like(other, Y).encoded)
    far = two_sample_auc(rows.like(["a" * LENGTH] * 240, Y).encoded, rows.encoded)
    assert near < 0.7 < far


def test_audit(sampler: UnigramSampler, tmp_path: Path) -> None:
    found = audit(sampler, X, Y, holdout=draw(120, seed=2), n_samples=200)
    found.to_html(tmp_path / "page.html")
    assert "</html>" in (tmp_path / "page.html").read_text()
    assert {"copies", "precision"} <= set(found.table.index)
    assert found.examples is not None


def test_study_and_report(tmp_path: Path) -> None:
    study = Study(X, Y, samplers={"unigram": UnigramSampler()}, n_seeds=2)
    result = study.run()
    scores = result.scores()
    assert {"real", "unigram"} <= set(scores.columns)
    assert (scores["unigram"] > 0.8).all()
    assert result.verdict()
    result.to_html(tmp_path / "report.html")
    assert "unigram" in (tmp_path / "report.html").read_text()


def test_command_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data, model, out = tmp_path / "rows.json", tmp_path / "m.safetensors", tmp_path / "new.json"
    data.write_text(json.dumps(list(zip(X, Y, strict=True))))
    for line in (
        ["fit", str(data), "--sampler", "unigram", "-o", str(model)],
        ["sample", str(model), "-n", "7", "--label", "up", "-o", str(out)],
        ["bank", str(model), "-n", "20", "-o", str(tmp_path / "bank")],
        ["audit", str(model), str(data), "-n", "100", "-o", str(tmp_path / "audit.html")],
        [
            "study",
            str(data),
            "--sampler",
            "unigram",
            "--seeds",
            "2",
            "-o",
            str(tmp_path / "s.html"),
        ],
    ):
        with pytest.raises(SystemExit) as ended:
            main(line)
        assert ended.value.code == 0, capsys.readouterr().err
    assert [label for _, label in json.loads(out.read_text())] == ["up"] * 7
    assert (tmp_path / "s.html").exists()


def test_rows_of_another_form_are_refused(sampler: UnigramSampler) -> None:
    with pytest.raises(InputError, match="'xyz'"):
        Rows.read(X, Y).like(["xyz"], ["up"])
    with pytest.raises(InputError, match="letters"):
        sampler.sample(3, where={"a": 1})


def test_the_words_choose() -> None:
    assert isinstance(Rows.read(X, Y).modality, Letters)
    assert Rows.read(X, Y, modality="letters").encoded.shape == (len(X), 4 * LENGTH)
    with pytest.raises(InputError, match="list of str"):
        Rows.read(["what is this", "another"], [0, 1])
    assert torch.equal(Rows.read(X, Y).encoded.sum(dim=1), torch.full((len(X),), float(LENGTH)))
