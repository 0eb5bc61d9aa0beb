"""The report as Markdown."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from gen_augment.study import StudyResult
from tests.study.pages import HOSTILE
from tests.study.toys import (
    gaussians,
    small_study,
)


@pytest.fixture(scope="module")
def tried() -> StudyResult:
    arms = ["real", "copies:0.5", "copies:1", "copies:2", "copies:shuffled"]
    X, y = gaussians(80)
    return small_study(
        X, HOSTILE[y], arms=arms, n_seeds=3, shifted={"later": (X + 0.5, HOSTILE[y])}
    ).run()


def test_markdown_has_the_verdict_and_the_table(tried: StudyResult, tmp_path: Path) -> None:
    tried.to_markdown(tmp_path / "r.md")
    text = (tmp_path / "r.md").read_text()
    assert tried.verdict() in text
    lines = [line.split("|")[1].strip() for line in text.splitlines() if line.startswith("| ")]
    assert lines == ["arm", "---", *tried.arms]
    tried.to_csv(tmp_path / "r.csv")
    tried.to_parquet(tmp_path / "r.parquet")
    for table in (pd.read_csv(tmp_path / "r.csv"), pd.read_parquet(tmp_path / "r.parquet")):
        np.testing.assert_allclose(table["test_accuracy"], tried.trials["test_accuracy"])
