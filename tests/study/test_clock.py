"""The budget of time of a study."""

from pathlib import Path
from typing import Any

import pytest

from gen_augment.errors import InputError
from gen_augment.study import clock as clock_module
from gen_augment.study.clock import Clock
from tests.study.small_studies import X, Y
from tests.study.toys import small_study


class Tick:
    """A clock that a test moves."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def tick(monkeypatch: pytest.MonkeyPatch) -> Tick:
    tick = Tick()
    monkeypatch.setattr(clock_module.time, "monotonic", tick)
    return tick


def test_clock_starts_no_lap_that_would_exceed_the_budget(tick: Tick) -> None:
    clock = Clock(1.0)
    for seconds in (20, 15, 10):
        assert clock.has_time(16)
        with clock.lap(16):
            tick.now += seconds
    assert not clock.has_time(16)  # after 45 s, a fourth lap of up to 20 s could end after 60 s
    assert clock.has_time(12)  # a lap of up to 15 s ends in time
    assert clock.has_time(16, overtime=True)
    tick.now += 8
    assert not clock.has_time(16, overtime=True)  # 53 s and 20 s are more than 72 s
    assert Clock(None).has_time(16)
    clock = Clock(1.0)
    clock.spend(59)
    assert clock.has_time(0)
    clock.spend(2)
    assert not clock.has_time(0)


def test_budget_ends_a_study_with_whole_seeds(tick: Tick, tmp_path: Path) -> None:
    def pass_time(*_: Any) -> None:
        tick.now += 10

    study = small_study(X, Y, n_seeds=9)
    with pytest.warns(UserWarning, match="3 of 9 seeds"):
        short = study.run(tmp_path, budget=1.2, on_trial=pass_time)  # 20 s a seed
    assert (short.n_seeds, short.protocol["n_seeds_planned"]) == (3, 9)
    assert len(short.trials) == 6
    assert "3 paired seeds" in short.verdict()
    with pytest.warns(UserWarning, match="6 of 9 seeds"):
        longer = study.run(tmp_path, budget=2.5, on_trial=pass_time)
    assert longer.n_seeds == 6
    with pytest.raises(InputError, match="budget=0"):
        study.run(budget=0)
