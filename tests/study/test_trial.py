"""One trial: scores, failures, and rows that are written and read."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.naive_bayes import GaussianNB
from torch import nn

from tests.study.small_studies import X, Y, image_study
from tests.study.toys import (
    Copies,
    centred_images,
    small_study,
)


@pytest.mark.parametrize("form", ["frame", "tensor", "images"])
def test_rows_on_disk_have_the_form_of_the_data(form: str, tmp_path: Path) -> None:
    data: dict[str, Any] = {
        "frame": (pd.DataFrame(X, columns=["a", "b"]), Y),
        "tensor": (torch.from_numpy(X), Y),
        "images": centred_images(40),
    }
    for _ in range(2):
        found = small_study(*data[form], samplers={"copies": Rows()}, model=GaussianNB()).run(
            tmp_path
        )
        assert found.trials["error"].isna().all()
        (tmp_path / "trials.jsonl").unlink()


class Rows(Copies):
    """Copies in the container of the data."""

    def draw(self, labels: np.ndarray, rng: np.random.Generator) -> Any:
        index = np.array([rng.choice(np.flatnonzero(self.y_ == label)) for label in labels])
        return (
            self.X_.iloc[index].reset_index(drop=True)
            if isinstance(self.X_, pd.DataFrame)
            else self.X_[index]
        )


def test_trials_record_rows_and_seconds() -> None:
    result = small_study(X, Y, test_size=0.25, validation_size=0.2, n_seeds=3).run()
    trials = result.trials
    assert list(zip(trials["seed"], trials["arm"], strict=True)) == [
        (seed, arm) for seed in range(3) for arm in ("real", "copies")
    ]
    assert trials["n_train"].tolist() == [36] * 6
    assert trials["n_synthetic"].tolist() == [0, 36] * 3
    assert trials["fit_seconds"].isna().tolist() == [True, False] * 3
    assert (trials["train_seconds"] > 0).all()
    assert result.design.overlap == pytest.approx(
        0.25 / (0.75 * 0.8)
    )  # test rows for each row trained on
    assert result.design.fixed_test is False
    apart = small_study(X, Y, test=(X + 9, Y)).run()
    assert (apart.design.overlap, apart.design.fixed_test) == (0.5, True)


def test_broken_network_fails_its_trials_with_the_error() -> None:
    result = image_study(model=lambda: nn.Linear(3, 2), arms=["real"]).run()
    assert result.trials["error"].str.contains("mat1 and mat2 shapes").all()


class Unsure(GaussianNB):  # type: ignore[misc] # scikit-learn has no types
    """It has no probabilities for a few rows."""

    def predict_proba(self, X: np.ndarray) -> np.ndarray:
        found = super().predict_proba(X)
        found[3] = np.nan
        return found


def test_classifier_without_probabilities_fails_its_trials() -> None:
    trials = small_study(X, Y, model=Unsure(), arms=["real"]).run().trials
    assert trials["error"].tolist() == ["InputError: the classifier gave row 3 no probability."] * 2


class KnownRows(GaussianNB):  # type: ignore[misc]
    """A classifier that refuses rows with a large first value."""

    def predict_proba(self, X: Any) -> Any:
        if (np.asarray(X)[:, 0] > 50).any():
            raise ValueError("unknown")
        return super().predict_proba(X)


def test_an_arm_that_cannot_be_tested_is_not_chosen_on_validation(tmp_path: Path) -> None:
    test = (X[:10] + np.array([99, 0]), Y[:10])
    result = small_study(X, Y, model=KnownRows(), test=test).run(tmp_path)
    assert result.trials["error"].str.contains("unknown").all()
    assert result.trials["validation_accuracy"].isna().all()
    assert result.verdict().startswith("No verdict: no arm")
