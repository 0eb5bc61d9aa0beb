"""Audits of samplers with planted faults: the faults are reported, and nothing else."""

import json
import re
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from numpy.typing import ArrayLike
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsClassifier

from gen_augment import (
    BootstrapSampler,
    ConditionalVAE,
    InputError,
    NotFittedError,
    SampleBank,
    audit,
)
from gen_augment.auditing import Audit
from gen_augment.cli import main
from gen_augment.data.labels import LabelCodec
from gen_augment.modalities import Table
from gen_augment.rng import normal
from tests.study.pages import HOSTILE, Page

MEANS = np.array([[0.0, 0.0, 0.0], [6.0, 0.0, 0.0], [0.0, 6.0, 0.0]])


def truth(index: np.ndarray, codes: np.ndarray, seed: int) -> np.ndarray:
    return normal(index, (3,), seed).numpy().astype(float) + MEANS[codes]


def rows(n: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    codes = np.arange(n) % 3
    return truth(np.arange(n), codes, seed), codes


TRAIN, UNSEEN = rows(600, 1), rows(600, 2)
GROUPS = np.repeat(["left", "right"], 300)


class Toy:
    """A sampler whose rows are a function of address, class code and seed."""

    def __init__(self, make: Callable[..., np.ndarray], labels: ArrayLike = (0, 1, 2)) -> None:
        self.make = make
        self.codec_: Any = Table().fit(TRAIN[0])[0]
        self.label_codec_, _ = LabelCodec.fit(np.asarray(labels))
        self.classes_ = self.label_codec_.classes
        self.class_prior_ = np.full(3, 1 / 3)
        self.seed_ = 5

    def fingerprint(self) -> str:
        return "toy"

    def generate(self, index: ArrayLike, y: ArrayLike, *, seed: int | None = None) -> np.ndarray:
        return self.make(
            np.asarray(index), self.label_codec_.encode(y), self.seed_ if seed is None else seed
        )


def copies(index: np.ndarray, codes: np.ndarray, seed: int) -> np.ndarray:
    return TRAIN[0][3 * (index % 200) + codes]


def some_copies(index: np.ndarray, codes: np.ndarray, seed: int) -> np.ndarray:
    return np.where(
        (index % 20 == 0)[:, None], copies(index, codes, seed), truth(index, codes, seed)
    )


def nearly_copies(index: np.ndarray, codes: np.ndarray, seed: int) -> np.ndarray:
    return copies(index, codes, seed) + 0.02 * normal(index, (3,), seed).numpy()


def collapsed(index: np.ndarray, codes: np.ndarray, seed: int) -> np.ndarray:
    made = truth(index, codes, seed)
    return np.where((codes == 1)[:, None], MEANS[1] + 0.05 * (made - MEANS[codes]), made)


def wrong_labels(index: np.ndarray, codes: np.ndarray, seed: int) -> np.ndarray:
    return truth(index, np.where(index % 10 < 3, (codes + 1) % 3, codes), seed)


def swapped_labels(index: np.ndarray, codes: np.ndarray, seed: int) -> np.ndarray:
    return truth(index, (codes + 1) % 3, seed)


def moved(index: np.ndarray, codes: np.ndarray, seed: int) -> np.ndarray:
    return truth(index, codes, seed) + np.array([0.0, 0.0, 1.0])


def look(make: Callable[..., np.ndarray], **params: Any) -> Audit:
    return audit(Toy(make), *TRAIN, **{"holdout": UNSEEN, "model": LogisticRegression()} | params)


def test_samples_of_the_true_distribution_have_no_findings() -> None:
    found = look(truth)
    assert found.findings == []
    table = found.table
    assert table.loc["copies", "synthetic"] == 0
    assert table.loc["label_agreement", "synthetic"] > 0.98
    for name in ("two_sample_auc", "share_nearer_to_train", "membership_auc"):
        assert abs(table.loc[name, "synthetic"] - 0.5) < 0.08
    assert table.loc["synthetic_on_real", "synthetic"] > 0.98
    for name in (
        "precision",
        "recall",
        "coverage",
        "memorisation",
        "vendi_score",
        "column_shapes",
        "pair_correlations",
    ):
        assert table.loc[name, "synthetic"] == pytest.approx(table.loc[name, "reference"], abs=0.08)


@pytest.mark.parametrize(
    "make, findings",
    [
        (copies, ["100% of the rows are copies", "nearer to training rows", "small changes"]),
        (some_copies, ["5% of the rows are copies"]),
        (nearly_copies, ["nearer to training rows", "small changes"]),
        (collapsed, ["Class 1 is partly collapsed"]),
        (wrong_labels, ["agree with (69|7[0-2])% of the labels"]),
        (
            swapped_labels,
            [
                "agree with [01]% of the labels",
                "synthetic rows alone reaches [01]% balanced accuracy",
            ],
        ),
        (moved, [r"1 of 3 columns differ in distribution from real rows: 2 \(0\.[4-7]"]),
    ],
)
def test_planted_faults_are_reported(make: Callable[..., np.ndarray], findings: list[str]) -> None:
    found = look(make).findings
    assert len(found) >= len(findings)
    for finding in findings:
        assert any(re.search(finding, line) for line in found), found
    if make not in (collapsed, wrong_labels, swapped_labels):
        assert not any("collapsed" in line for line in found)


def test_without_unseen_rows_there_is_no_reference() -> None:
    found = look(copies, holdout=None)
    assert any("100% of the rows are copies" in line for line in found.findings)
    assert found.table.drop(["label_agreement", "vendi_score"])["reference"].isna().all()
    assert not {"membership_auc", "privacy_loss", "share_nearer_to_train"} & set(found.table.index)
    assert found.card["unseen_rows"] == 0


def test_rows_of_one_class_need_no_classifier(tmp_path: Path) -> None:
    part = [(X[y == 0], y[y == 0]) for X, y in (TRAIN, UNSEEN)]
    found = audit(Toy(truth), *part[0], holdout=part[1])
    assert found.findings == []
    assert not {"label_agreement", "synthetic_on_real"} & set(found.table.index)
    assert found.per_class["synthetic"].tolist() == [200, 0, 0]
    assert not len(found.hardest)
    found.to_json(tmp_path / "sheet.json")
    assert json.loads((tmp_path / "sheet.json").read_text())["classes"]["1"]["precision"] is None
    with pytest.raises(InputError, match="one label"):
        audit(Toy(truth), *part[0], holdout=part[1], group=0)


def test_audits_repeat_from_a_seed_and_accept_banks(tmp_path: Path) -> None:
    first, again = look(truth, random_state=3), look(truth, random_state=3)
    assert first.table.equals(again.table)
    assert first.per_class.equals(again.per_class)
    bank = SampleBank.build(Toy(truth), 300, tmp_path / "bank")
    assert audit(bank, *TRAIN, holdout=UNSEEN, n_samples=150, model=LogisticRegression()).per_class[
        "synthetic"
    ].tolist() == [50, 50, 50]


def test_the_page_and_the_json_file_agree(tmp_path: Path) -> None:
    names = np.array(["plain", *HOSTILE])
    classes = np.unique(names)
    sampler = Toy(truth, labels=names)
    found = audit(
        sampler,
        TRAIN[0],
        classes[TRAIN[1]],
        holdout=(UNSEEN[0], classes[UNSEEN[1]]),
        group=(GROUPS, GROUPS),
        model=LogisticRegression(),
    )
    found.to_html(tmp_path / "page.html")
    found.to_json(tmp_path / "sheet.json")
    page = Page((tmp_path / "page.html").read_text(encoding="utf-8"))
    assert page.open == []
    assert "No problems were found in 600 synthetic rows" in page.text
    for name in names:
        assert name in page.text
    assert not page.all("script")
    assert all(image["alt"] and image["src"].startswith("data:") for image in page.all("img"))
    sheet = json.loads((tmp_path / "sheet.json").read_text(encoding="utf-8"))
    assert sheet["class_counts"] == dict.fromkeys(classes.tolist(), 200)
    assert sheet["figures"]["recall"]["synthetic"] == pytest.approx(
        found.table.loc["recall", "synthetic"]
    )
    assert sheet["figures"]["membership_auc"]["reference"] is None
    assert sheet["classes"]["plain"]["synthetic"] == 200
    assert sheet["groups"]["left"]["before"] == pytest.approx(
        found.groups.by_group.at["left", "before"]
    )
    assert sheet["columns"]["2"]["shape"] == pytest.approx(found.per_column["shape"][2])
    assert len(sheet["hardest"]) == 40
    assert len(page.all("table")) == 5
    assert len(found.examples) == 3 * len(classes)
    assert all(text in page.text for text in found.examples["synthetic"])
    assert len(page.all("img")) == 3
    other = audit(sampler, TRAIN[0] + 1, classes[TRAIN[1]], model=LogisticRegression())
    assert other.card["data_fingerprint"] != sheet["data_fingerprint"]


def test_the_hardest_rows_have_wrong_labels_and_can_be_generated_again() -> None:
    found = look(wrong_labels)
    hard, seed = found.hardest, found.card["synthetic_seed"]
    assert (hard["address"] % 10 < 3).all()
    assert hard["score"].is_monotonic_increasing
    assert hard["score"].max() < 0
    rows_again = Toy(wrong_labels).generate(hard["address"], hard["label"], seed=seed)
    own = LogisticRegression(max_iter=1000).fit(*TRAIN).predict(rows_again)
    assert (own != hard["label"]).mean() > 0.9


def test_groups_that_are_missing_or_do_worse_are_reported() -> None:
    def make(index: np.ndarray, codes: np.ndarray, seed: int) -> np.ndarray:
        """Label the rows of the left group wrongly."""
        right = truth(index, codes, seed)
        right[:, 2] = np.abs(right[:, 2])
        left = truth(index, (codes + 1) % 3, seed)
        left[:, 2] = -np.abs(left[:, 2])
        return np.where((index % 4 == 0)[:, None], left, right)

    groups = [np.where(part[0][:, 2] < 0, "left", "right") for part in (TRAIN, UNSEEN)]
    found = look(make, group=tuple(groups), model=KNeighborsClassifier(1))
    assert found.groups is not None
    assert found.groups.groups["synthetic"].isna().all()
    text = " ".join(found.findings)
    assert "In group 'left' the balanced accuracy of a classifier falls from" in text
    assert not any("In group 'right'" in line for line in found.findings)

    def one_sided(index: np.ndarray, codes: np.ndarray, seed: int) -> np.ndarray:
        rows = truth(index, codes, seed)
        rows[:, 2] = 1
        return rows

    X, unseen = (part[0].copy() for part in (TRAIN, UNSEEN))
    for part in (X, unseen):
        part[:, 2] = np.where(part[:, 2] < 0.5, 0, 1)
    found = audit(
        Toy(one_sided),
        X,
        TRAIN[1],
        holdout=(unseen, UNSEEN[1]),
        group=2,
        model=LogisticRegression(),
    )
    share = (X[:, 2] == 0).mean()
    assert (
        f"Group '0.0' makes up {100 * share:.3g}% of the training rows, and 0% of the synthetic rows."
        in found.findings
    )


def test_features_may_be_a_callable() -> None:
    column = look(moved, features=lambda X: np.asarray(X)[:, [2]])
    others = look(moved, features=lambda X: np.asarray(X)[:, :2])
    assert column.table.at["frechet_distance", "synthetic"] == pytest.approx(1, abs=0.2)
    assert others.table.at["frechet_distance", "synthetic"] < 0.1


def test_unlabelled_rows_are_left_out() -> None:
    X, y = TRAIN
    partly = np.where(np.arange(600) % 3 == 0, -1, y)
    partly[:300] = y[:300]
    known = partly >= 0
    found, expected = (
        audit(
            Toy(truth),
            *rows,
            holdout=UNSEEN,
            model=LogisticRegression(),
            group=(group, GROUPS),
            random_state=-1,
        )
        for rows, group in (((X, partly), GROUPS), ((X[known], y[known]), GROUPS[known]))
    )
    pd.testing.assert_frame_equal(found.table, expected.table)
    assert found.card["training_rows"] == known.sum()
    assert found.groups is not None
    with pytest.raises(InputError, match="label 7 was not seen"):
        audit(Toy(truth), X, np.where(y == 1, 7, partly))


def test_declared_categories_are_compared_as_categories() -> None:
    codes = np.arange(400) % 4
    X, y = pd.DataFrame({"zip": codes, "x": np.arange(400.0)}), np.arange(400) // 4 % 2
    sampler = BootstrapSampler(modality=Table(types={"zip": "category"}), random_state=0).fit(
        X[codes != 1], y[codes != 1]
    )
    found = audit(sampler, X, y, model=LogisticRegression()).per_column
    assert found is not None
    assert found.at["zip", "shape"] == pytest.approx(0.75, abs=0.04), "as numbers it would be 0.83"


def test_bad_input_is_an_error() -> None:
    X, y = TRAIN
    with pytest.raises(NotFittedError):
        audit(ConditionalVAE(), X, y)
    with pytest.raises(InputError, match="list"):
        audit([], X, y)  # type: ignore[arg-type]
    for arguments, message in (
        ({"X": X[:, :2], "y": y}, "2 features"),
        ({"X": X, "y": y + 5}, "5"),
        ({"X": X, "y": y[:9]}, "600 rows and y has 9"),
        ({"X": X[:4], "y": y[:4]}, "X has 4 rows"),
        ({"X": X, "y": y, "holdout": (X[:2], y[:2])}, "holdout has 2 rows"),
        ({"X": X, "y": y, "n_samples": 0}, "n_samples"),
        ({"X": X, "y": y, "features": "resnet"}, "features='resnet'"),
        ({"X": X, "y": y, "group": 1}, "group is compared on unseen rows: give holdout"),
        ({"X": X, "y": y, "holdout": UNSEEN, "group": 7}, "group=7 is not a column"),
        ({"X": X, "y": y, "holdout": UNSEEN, "group": (GROUPS, GROUPS[:5])}, "600 rows of holdout"),
    ):
        with pytest.raises(InputError, match=message):
            audit(Toy(truth), **{"model": LogisticRegression()} | arguments)  # type: ignore[arg-type]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., int]:
    """The command line in a temporary folder, with classifiers of few steps."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(import_module("gen_augment.auditing.audit"), "N_STEPS", 20)

    def call(*arguments: str) -> int:
        with pytest.raises(SystemExit) as ended:
            main(["audit", *arguments, "--device", "cpu"])
        return int(ended.value.code or 0)

    return call


def test_tables_with_unseen_rows_and_a_group_on_the_command_line(
    run: Callable[..., int], capsys: Any
) -> None:
    for name, (X, y) in (("train", TRAIN), ("unseen", UNSEEN)):
        frame = pd.DataFrame(X[:120], columns=["a", "b", "c"]).assign(
            old=GROUPS[240:360] == "left", y=y[:120]
        )
        frame.to_csv(f"{name}.csv", index=False)
    train = pd.read_csv("train.csv")
    vae = ConditionalVAE(max_steps=30, width=4, random_state=0, device="cpu").fit(
        train.drop(columns="y"), train["y"]
    )
    vae.save("vae")
    options = "vae", "train.csv", "--target", "y", "-o", "page.html"
    assert run(*options, "--unseen", "unseen.csv", "--group", "old", "-n", "60") == 0
    sheet = json.loads(Path("page.json").read_text())
    assert sheet["unseen_rows"] == 60
    assert sheet["groups"].keys() == {"False", "True"}
    assert sheet["columns"].keys() == {"a", "b", "c", "old"}
    assert "Groups" in Page(Path("page.html").read_text(encoding="utf-8")).text
    capsys.readouterr()
    assert run(*options, "--group", "old") == 2
    assert "give holdout" in capsys.readouterr().err
    assert run(*options, "--features", "resnet0") == 2
    assert "resnet0" in capsys.readouterr().err


def test_images_on_the_command_line(run: Callable[..., int], capsys: Any) -> None:
    X, y = load_digits(return_X_y=True)
    images = X.reshape(-1, 8, 8).astype(np.uint8)
    ConditionalVAE(max_steps=20, width=4, random_state=0, device="cpu").fit(images, y).save("vae")
    assert (
        run(
            "vae",
            "digits",
            "--per-class",
            "30",
            "-n",
            "200",
            "--features",
            "values",
            "-o",
            "page.html",
        )
        == 0
    )
    assert "page.html" in capsys.readouterr().out
    page = Page(Path("page.html").read_text(encoding="utf-8"))
    assert len(page.all("img")) == 7
    assert "Distinguishable from real rows" in page.text
    assert json.loads(Path("page.json").read_text())["training_rows"] == 300
    assert run("vae", "wine", "-o", "other.html") == 2
    assert capsys.readouterr().err.count("\n") == 1
    assert not Path("other.html").exists()


class Distribution(Toy):
    """A sampler of the distribution of the training rows."""

    def __init__(self, make: Callable[..., np.ndarray], X: np.ndarray, n_classes: int) -> None:
        super().__init__(make, range(n_classes))
        self.codec_ = Table().fit(X)[0]
        self.class_prior_ = np.full(n_classes, 1 / n_classes)


def sample_of(
    make: Callable[..., np.ndarray], n: int, n_classes: int, seed: int
) -> tuple[np.ndarray, np.ndarray]:
    codes = np.arange(n) % n_classes
    return make(np.arange(n), codes, seed), codes


def test_equal_rows_of_a_discrete_table_are_not_copies() -> None:
    def dice(index: np.ndarray, codes: np.ndarray, seed: int) -> np.ndarray:
        return np.random.default_rng(seed).integers(0, 4, (len(index), 3)) + 2.0 * codes[:, None]

    train, unseen = sample_of(dice, 200, 2, 1), sample_of(dice, 200, 2, 2)
    found = audit(
        Distribution(dice, train[0], 2), *train, holdout=unseen, model=LogisticRegression()
    )
    assert found.table.loc["copies", "synthetic"] > 0.5
    assert found.findings == []
    alone = audit(Distribution(dice, train[0], 2), *train, model=LogisticRegression()).findings
    assert any("copies occur by chance: unseen rows would tell" in line for line in alone)


@pytest.mark.parametrize("n_columns", [5, 20])
def test_chance_in_few_rows_is_not_a_finding(n_columns: int) -> None:
    def noisy(index: np.ndarray, codes: np.ndarray, seed: int) -> np.ndarray:
        return np.random.default_rng(seed).normal(size=(len(index), n_columns)) + codes[:, None]

    for seed in range(4):
        train, unseen = sample_of(noisy, 60, 2, 10 + seed), sample_of(noisy, 60, 2, 20 + seed)
        found = audit(
            Distribution(noisy, train[0], 2),
            *train,
            holdout=unseen,
            model=LogisticRegression(),
            random_state=seed,
        )
        assert found.findings == []


@pytest.mark.parametrize("n", [12, 50])
def test_swapped_classes_are_reported(n: int) -> None:
    centres = np.random.default_rng(0).normal(size=(20, 5)) * 6

    def clouds(index: np.ndarray, codes: np.ndarray, seed: int) -> np.ndarray:
        return np.random.default_rng(seed).normal(size=(len(index), 5)) + centres[codes]

    def swapped(index: np.ndarray, codes: np.ndarray, seed: int) -> np.ndarray:
        return clouds(index, np.where(codes < 2, 1 - codes, codes), seed)

    train, unseen = sample_of(clouds, 20 * n, 20, 1), sample_of(clouds, 20 * n, 20, 2)
    found = audit(
        Distribution(swapped, train[0], 20), *train, holdout=unseen, model=LogisticRegression()
    ).findings
    named = [line for line in found if "look like other classes" in line]
    assert [line.split(" ")[3] for line in named] == ["0", "1"]
    assert not any("collapsed" in line for line in found)
