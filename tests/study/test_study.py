"""Studies of data with known truth find real effects, and no others."""

from typing import Any

import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier

from gen_augment.study import StudyResult
from tests.study.toys import Copies, TrueDraws, WrongLabels, gaussians, small_study


def planted(sampler: Any, *, dim: int = 10, model: Any = None, per_class: int = 10) -> StudyResult:
    """Few training rows, and a large separate test part."""
    return small_study(
        *gaussians(1000, dim=dim),
        test=gaussians(2000, dim=dim, seed=1),
        per_class=per_class,
        model=model or LogisticRegression(),
        samplers={"copies": sampler},
        n_seeds=8,
    ).run()


def test_exact_draws_of_the_truth_help_where_rows_are_few() -> None:
    result = planted(TrueDraws())
    assert result.verdict().startswith(
        "Yes: synthetic rows helped. copies improves balanced accuracy"
    )
    assert 0.01 < result.difference("copies", "real").mean < 0.1


def test_exact_draws_lower_the_likelihood_loss_too() -> None:
    settings = {
        "test": gaussians(2000, dim=10, seed=1),
        "per_class": 10,
        "n_seeds": 8,
        "metric": "nll",
    }
    result = small_study(
        *gaussians(1000, dim=10), samplers={"copies": TrueDraws()}, **settings
    ).run()
    assert result.verdict().startswith(
        "Yes: synthetic rows helped. copies improves negative log-likelihood"
    )


def test_shuffled_labels_hurt() -> None:
    result = planted(WrongLabels(), dim=2, model=KNeighborsClassifier(1))
    assert result.verdict().startswith("No: synthetic rows hurt. copies worsens balanced accuracy")
    assert -0.2 < result.difference("copies", "real").mean < -0.05


@pytest.mark.parametrize(
    "model, exactly",
    [
        (KNeighborsClassifier(1), True),
        (GaussianNB(var_smoothing=0), False),
        (LogisticRegression(), False),
    ],
)
def test_repeated_rows_are_no_gain(model: Any, exactly: bool) -> None:
    """Copies do not change a nearest neighbour, and must not show a gain for other models."""
    result = planted(Copies(), model=model, dim=2, per_class=20)
    assert result.verdict().startswith("No")
    found = result.difference("copies", "real")
    assert found.low <= 0
    if exactly:
        assert (found.mean, found.low, found.high, found.p_value) == (0, 0, 0, 1)
        assert result.verdict().startswith("No: no evidence that synthetic rows helped")


# Many times over


def claims(sampler: Any, n: int, first: int = 0, **changes: Any) -> list[str]:
    """Return the first words of the verdicts of `n` small studies on different data."""
    settings: dict[str, Any] = {
        "model": GaussianNB(),
        "n_seeds": 10,
        "per_class": 10,
        "samplers": {"s": sampler},
    }
    words = []
    for number in range(first, first + n):
        study = small_study(
            *gaussians(1000, dim=10, seed=3 * number), test=gaussians(1000, dim=10, seed=3 * number + 1),
            arms=["real", "s"], random_state=number, **(settings | changes),
        )  # fmt: skip
        words.append(" ".join(study.run().verdict().split()[:5]))
    return words


def test_exact_draws_are_found_and_shuffled_labels_are_found_to_hurt() -> None:
    found = claims(TrueDraws(), 4)
    assert sum(word.startswith("Yes") for word in found) >= 3
    hurt = claims(WrongLabels(), 4)
    assert sum(word == "No: synthetic rows hurt. s" for word in hurt) >= 3


def test_copies_are_seldom_claimed_to_help() -> None:
    assert sum(word.startswith("Yes") for word in claims(Copies(), 5)) <= 1
