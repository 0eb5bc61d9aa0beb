"""Outcomes of trials collected into a result."""

from typing import Any

import pytest

from tests.study.small_studies import X, Y
from tests.study.toys import (
    Copies,
    TrueDraws,
    gaussians,
    small_study,
)


def test_a_sequential_study_stops_once_it_is_certain() -> None:
    settings: dict[str, Any] = {
        "test": gaussians(2000, dim=10, seed=1), "per_class": 10, "n_seeds": 12, "sequential": True,
    }  # fmt: skip
    found = small_study(
        *gaussians(1000, dim=10), samplers={"copies": TrueDraws()}, **settings
    ).run()
    assert found.verdict().startswith("Yes")
    assert 3 <= found.n_seeds < 12
    assert found.design.alpha < 0.05
    assert f"{found.design.level} interval" in found.verdict()
    nothing = small_study(*gaussians(1000, dim=10), samplers={"copies": Copies()}, **settings).run()
    assert nothing.n_seeds == 12
    assert nothing.verdict().startswith("No")


def test_no_test_label_is_read_before_the_last_trial_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    """Test labels are not read until the last trial has ended."""
    study, asked = small_study(X, Y), []
    task = study.check().task
    truth = task.truth
    monkeypatch.setattr(task, "truth", lambda seed: asked.append(seed) or truth(seed))
    study.run(on_trial=lambda *_: asked.append("trial"))
    assert asked[:4] == ["trial"] * 4
    assert len(asked) == 6
    assert (task.split(0).test.codes == -1).all()


def test_controls_are_reported_and_never_chosen() -> None:
    result = small_study(
        *gaussians(1000), test=gaussians(2000, seed=1), per_class=20, n_seeds=8,
        arms=["real", "repeat", "copies", "wrong:shuffled"], samplers={"copies": TrueDraws(), "wrong": TrueDraws()},
    ).run()  # fmt: skip
    assert result.controls == {"wrong:shuffled"}
    assert result.best(generative=True) == "copies"
    assert any(words.startswith("The control wrong:shuffled") for words in result.details())


def test_result_before_the_run_is_empty() -> None:
    result = small_study(X, Y).result()
    assert result.trials.empty
    assert result.verdict().startswith("No verdict")
