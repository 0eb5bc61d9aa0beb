"""``gen-augment distill``."""

from pathlib import Path

import pandas as pd
import pytest

from gen_augment.distillation import ReadableTree
from tests.cli.toys import Run, write_table


def test_a_table_becomes_a_tree_with_a_page(run: Run, tmp_path: Path) -> None:
    frame = write_table(tmp_path / "t.csv")
    code, out, err = run(
        "distill", "t.csv", "--target", "churn", "--student", "tree:3", "--ratio", "2",
        "--teacher", "sklearn.linear_model.LogisticRegression", "-o", "tree.json",
    )  # fmt: skip
    assert code == 0, err
    assert "Student and teacher agree on" in out
    assert "hard labels" in out
    tree = ReadableTree.load("tree.json")
    assert tree.depth <= 3
    assert set(tree.classes) == set(frame["churn"])
    assert len(tree.predict(pd.read_csv("t.csv"))) == len(frame)
    page = Path("tree.html").read_text(encoding="utf-8")
    assert "<svg" in page
    assert "All rules" in page
    again = run(
        "distill", "t.csv", "--target", "churn", "--student", "tree:3", "--ratio", "2",
        "--teacher", "sklearn.linear_model.LogisticRegression", "-o", "again.json",
    )  # fmt: skip
    assert again[0] == 0
    assert Path("again.json").read_bytes() == Path("tree.json").read_bytes()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--student", "forest:3"), "such as tree:8"),
        (("--student", "tree:0"), "such as tree:8"),
        (("--test-size", "2"), "between 0 and 1"),
        (("--report", "thesis.tex"), "a file that ends in .html"),
        (("--teacher", "nothing.Here"), "cannot be loaded"),
        (("--sampler", "nothing"), "is not one of"),
    ],
)
def test_bad_options(run: Run, options: tuple[str, ...], message: str) -> None:
    code, _, err = run("distill", "wine", *options, "-o", "tree.json")
    assert code == 2
    assert message in err
    assert not Path("tree.json").exists()


def test_images_have_no_rules(run: Run) -> None:
    code, _, err = run("distill", "digits", "-o", "tree.json")
    assert code == 2
    assert "columns of a table" in err
