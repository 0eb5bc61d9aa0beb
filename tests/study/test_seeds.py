"""Trials of some seeds: one fit per sampler, rows on disk, failures."""

from pathlib import Path

import pandas as pd

from tests.study.small_studies import X, Y, image_study, scores
from tests.study.toys import (
    Copies,
    Failing,
    Log,
    small_study,
)


def test_rows_on_disk_are_used_only_for_the_same_data_code_and_sampler(tmp_path: Path) -> None:
    log = Log()
    samplers = {"copies": Copies(log)}
    small_study(X, Y, samplers=samplers, arms=["copies"]).run(tmp_path)
    (tmp_path / "trials.jsonl").unlink()
    again = small_study(X, Y, samplers=samplers, arms=["copies"]).run(tmp_path)
    assert len(log) == 2
    pd.testing.assert_frame_equal(scores(again), scores(small_study(X, Y, arms=["copies"]).run()))
    small_study(X, Y, samplers=samplers, arms=["copies:3"]).run(tmp_path)
    assert len(log) == 4
    assert len(list((tmp_path / "rows").iterdir())) == 4


def test_a_failed_use_leaves_the_others() -> None:
    result = image_study(arms=["copies", "copies:vary", "copies:realism"], n_seeds=1).run()
    assert result.trials["arm"].tolist()[0] == "real"  # added: a verdict needs it
    assert result.trials["error"].isna().tolist() == [True, True, False, False]
    failed = image_study(
        arms=["copies", "copies:2"], samplers={"copies": Failing(Log(), at=(0,))}, n_seeds=1
    ).run()
    assert failed.trials["error"].tolist()[1:] == ["RuntimeError: planned"] * 2


def test_a_sampler_is_fitted_once_per_seed_for_all_arms() -> None:
    log = Log()
    image_study(samplers={"copies": Copies(log)}).run()
    assert len(log) == 2


def test_arms_with_the_same_sampler_share_its_error() -> None:
    log = Log()
    result = image_study(samplers={"copies": Failing(log, at=(0,))}, n_seeds=1).run()
    assert len(log) == 1
    assert result.trials["error"].tolist()[2:] == ["RuntimeError: planned"] * 2


def test_pictures_are_kept_and_shown_for_requested_arms_only(tmp_path: Path) -> None:
    first = image_study().run(tmp_path)
    assert first.examples["copies"].startswith(b"\x89PNG")
    assert image_study().run(tmp_path).examples == first.examples
    assert image_study(arms=["real"]).run(tmp_path).examples == {}
