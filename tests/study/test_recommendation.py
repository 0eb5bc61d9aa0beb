"""What a search recommends, and rows with the recommended synthetic ones."""

from typing import Any

import numpy as np
import pytest
from sklearn.naive_bayes import GaussianNB

from gen_augment import AugmentedDataset, ConditionalVAE
from gen_augment.errors import InputError
from gen_augment.study import Recommendation, Study
from tests.study.toys import (
    Copies,
    gaussians,
    small_study,
    true_rows,
)

TEST = gaussians(2000, dim=10, seed=1)


def searching(samplers: dict[str, Any], **changes: Any) -> Study:
    settings: dict[str, Any] = {
        "model": GaussianNB(), "arms": ["real", "oversample"], "samplers": samplers, "per_class": 10, "n_seeds": 8,
    }  # fmt: skip
    return small_study(*gaussians(600, dim=10), **({"test": TEST} | settings | changes))


class Mover(Copies):
    """A sampler with useful variants and useless samples."""

    def draw(self, labels: np.ndarray, rng: np.random.Generator) -> Any:
        return true_rows(rng.permutation(labels), rng, self.X_.shape[1])

    def vary(self, X: Any, y: Any, *, strength: float, random_state: int) -> Any:
        assert [row in self.X_.tolist() for row in np.asarray(X).tolist()[:5]] == [True] * 5
        return true_rows(y, np.random.default_rng(random_state), X.shape[1])


def test_varied_rows_can_be_recommended() -> None:
    X, y = gaussians(600, dim=10)
    found = searching({"mover": Mover()}).recommend(ratios=(4,), filters=())
    assert (found.use, found.vary, found.pretrain) == ("mover:4:vary=0.3", 0.3, False)
    more, labels = found.augment(X, y)
    assert len(more) == len(labels) == 3000
    np.testing.assert_array_equal(more[:600], X)
    assert np.bincount(labels[600:]).tolist() == [1200, 1200]
    assert abs(more[600:][labels[600:] == 1][:, 0].mean() - 1) < 0.15


@pytest.mark.parametrize(
    "option, use, message",
    [
        ("pretrain", {"pretrain": True}, "trains on synthetic rows first"),
        (
            "share=0.25",
            {"share": 0.25},
            r"augment_loader\(loader, sampler, ratio=0.25, labels='balanced'\)\.$",
        ),
        (
            "share=0.25",
            {"share": 0.25, "resample": "smote"},
            r"'balanced'\), with a loader of real rows after 'smote'",
        ),
    ],
)
def test_rows_that_cannot_simply_be_added_are_refused(
    option: str, use: dict[str, Any], message: str
) -> None:
    result = searching({"copies": Copies()}).result()
    found = Recommendation(f"copies:1:{option}", "", result, {}, Copies(), {0: 3}, **use)
    with pytest.raises(InputError, match=message):
        found.augment(*gaussians(20))


def test_the_recommended_sampler_is_a_source_of_datasets(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gen_augment.study.search._decided", lambda compared, margin: True)
    X, y = gaussians(100, dim=10)
    sampler = ConditionalVAE(max_steps=20, device="cpu")
    found = searching({"vae": sampler}, n_seeds=3).recommend(ratios=(0.5,), filters=())
    dataset = AugmentedDataset(list(zip(X, y, strict=True)), found.sampler, counts=found.counts)  # type: ignore[arg-type]
    assert len(dataset) == 100 + 300
