"""A killed study gives an interim report from its folder, without any test label."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import f1_score, make_scorer
from sklearn.neighbors import KNeighborsClassifier
from torch import nn

from gen_augment.errors import ArchiveError
from gen_augment.study import StudyInterrupted, StudyResult, load_result
from gen_augment.study.findings import scores_left_out
from gen_augment.study.predictions import confusion
from gen_augment.study.report import render, render_markdown
from tests.study.pages import HOSTILE, Page, table_rows
from tests.study.results import REAL, make_result
from tests.study.toys import (
    Copies,
    Failing,
    Log,
    TrueDraws,
    centred_images,
    gaussians,
    make_study,
    small_study,
)

X, Y = gaussians(60)
SAMPLERS: dict[str, Any] = {"samplers": {"copies": Copies()}}


def killed(folder: Path, after: int, **changes: Any) -> None:
    """Leave the folder of a study that was killed after a number of trials."""
    kept: list[Any] = []

    def stop(*trial: Any) -> None:
        kept.append(trial)
        if len(kept) == after:
            raise SystemExit

    with pytest.raises(SystemExit):
        small_study(X, Y, n_seeds=4, name="toys", **changes).run(folder, on_trial=stop)


def test_a_killed_study_has_an_interim_result(tmp_path: Path) -> None:
    killed(tmp_path, 5)
    assert not (tmp_path / "truth.npz").exists()
    found = load_result(tmp_path)
    assert found.design.interim
    assert (found.n_seeds, found.protocol["n_seeds_planned"]) == (2, 4)
    assert len(found.trials) == 4
    assert found.comparison().outcome == "interim"
    whole = small_study(X, Y, n_seeds=2).run()
    np.testing.assert_allclose(found.scores("validation"), whole.scores("validation"))
    assert found.trials[["test_accuracy", "test_nll"]].isna().all(axis=None)
    mean = 100 * whole.scores("validation").mean()
    assert found.verdict().startswith(
        "No verdict yet: 5 of 8 trials have ended. On validation, by balanced accuracy, copies "
        f"({mean['copies']:.2f}) leads the arms with synthetic rows, and real ({mean['real']:.2f})"
    )


def test_an_interim_report_says_what_it_is(tmp_path: Path) -> None:
    killed(tmp_path, 5)
    found = load_result(tmp_path)
    html = render(found)
    page = Page(html)
    assert page.open == []
    assert "Interim report: Did synthetic data help on toys?" in page.text
    assert "Labels of test rows are read when the study ends." in page.text
    mean = 100 * found.scores("validation").mean()
    assert [row[:2] for row in table_rows(html, 0)] == [
        [arm, f"{mean[arm]:.2f}"] for arm in ("real", "copies")
    ]
    assert not page.all("svg")
    assert found.verdict() in page.text
    assert found.verdict() in render_markdown(found)


@pytest.mark.parametrize("after", [1, 2])
def test_a_kill_in_the_first_seed_leaves_a_report_too(after: int, tmp_path: Path) -> None:
    killed(tmp_path, after)
    found = load_result(tmp_path)
    assert f"{after} of 8 trials have ended" in found.verdict()
    assert "Interim report" in Page(render(found)).text


def test_the_data_gives_a_killed_study_its_test_scores(tmp_path: Path) -> None:
    killed(tmp_path, 5)
    found = small_study(X, Y, n_seeds=4, name="toys").result(tmp_path)
    assert found.verdict().startswith("No verdict: two seeds cannot tell.")
    assert not found.design.interim
    whole = small_study(X, Y, n_seeds=4, name="toys").run(tmp_path)
    assert load_result(tmp_path).verdict() == whole.verdict()


def test_an_interruption_carries_the_result(tmp_path: Path) -> None:
    samplers = {"copies": Failing(Log(), at=(2,), error=KeyboardInterrupt)}
    with pytest.raises(StudyInterrupted) as caught:
        small_study(X, Y, samplers=samplers, n_seeds=4).run(tmp_path)
    assert caught.value.result.n_seeds == 2
    assert load_result(tmp_path).design.interim


def test_a_folder_without_a_study_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ArchiveError, match="holds no result of a study"):
        load_result(tmp_path)
    killed(tmp_path, 2)
    record = json.loads((tmp_path / "settings.json").read_text())
    (tmp_path / "settings.json").write_text(json.dumps({"arms": record["arms"]}))
    with pytest.raises(ArchiveError, match="holds no result of a study"):
        load_result(tmp_path)


def test_a_saved_result_gives_the_same_report(tmp_path: Path) -> None:
    images, y = centred_images(40)
    found = make_study(
        images, HOSTILE[y], model=lambda: nn.Sequential(nn.Flatten(), nn.Linear(144, 2)), arms=["real", "copies"],
        samplers={"copies": Copies()}, n_seeds=3, n_steps=3, device="cpu", margin=0.01,
    ).run(tmp_path)  # fmt: skip
    again = load_result(tmp_path)
    assert again.verdict() == found.verdict()
    assert again.details() == found.details()
    pd.testing.assert_frame_equal(again.table(), found.table(), check_dtype=False)
    assert again.examples == found.examples
    np.testing.assert_array_equal(confusion(again, "copies"), confusion(found, "copies"))
    (tmp_path / "truth.npz").write_bytes(b"damaged")
    with pytest.raises(ArchiveError, match="holds no result of a study"):
        load_result(tmp_path)


@pytest.mark.parametrize("write", [StudyResult.to_json, StudyResult.to_html])
def test_a_folder_without_a_result_is_refused(tmp_path: Path, write: Any) -> None:
    with pytest.raises(ArchiveError, match="cannot write"):
        write(make_result({"real": REAL, "gan": REAL}), tmp_path / "missing" / "file")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("metric", ["f1_macro", make_scorer(f1_score, average="macro")])
def test_a_result_by_another_metric_comes_back_from_its_folder(metric: Any, tmp_path: Any) -> None:
    test = gaussians(100, seed=3)
    result = small_study(X, Y, test=test, metric=metric, n_seeds=3).run(tmp_path)
    again = load_result(tmp_path)
    assert again.verdict() == result.verdict()
    assert again.difference("copies", "real") == result.difference("copies", "real")
    pd.testing.assert_frame_equal(again.table(), result.table(), check_dtype=False)


def patients(n: int, visits: int, *, seed: int = 0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Rows that identify the patient. Each patient has a random class."""
    rng = np.random.default_rng(seed)
    groups = np.repeat(np.arange(n), visits)
    y = rng.permutation(np.arange(n) % 2)[groups]
    return rng.normal(size=(n, 5))[groups] + rng.normal(scale=0.05, size=(n * visits, 5)), y, groups


ELSEWHERE = patients(4, 4, seed=1)[:2]


def test_a_result_keeps_the_groups_of_its_test_part(tmp_path: Path) -> None:
    X, Y, groups = patients(12, 4)
    test = (*ELSEWHERE, np.repeat([90, 91, 92, 93], 4))
    study = make_study(
        X, Y, groups=groups, test=test, model=KNeighborsClassifier(1), arms=["real", "copies"],
        samplers={"copies": TrueDraws()}, n_seeds=3, near_copies="ignore",
    )  # fmt: skip
    result, again = study.run(tmp_path), load_result(tmp_path)
    assert scores_left_out(result, "real").shape == (3, 4)
    np.testing.assert_array_equal(again.design.test_groups, result.design.test_groups)
    assert again.verdict() == result.verdict()
    assert list(again.truth) == list(result.truth) == [0, 1, 2]


def test_intervals_of_all_sizes_come_back_for_a_scorer_of_the_user(tmp_path: Path) -> None:
    scorer = make_scorer(f1_score)
    test = (X[:20] + 0.5, Y[:20])
    settings = SAMPLERS | {"metric": scorer, "test": test, "sizes": (5,), "n_seeds": 3}
    found = small_study(X, Y, **settings).run(tmp_path)
    pd.testing.assert_frame_equal(load_result(tmp_path).learning_curve(), found.learning_curve())
