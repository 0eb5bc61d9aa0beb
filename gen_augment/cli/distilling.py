"""Distillation as ``gen-augment distill`` sets it up and tells what came out."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from rich.table import Table
from scipy.stats import rankdata
from sklearn.ensemble import ExtraTreesClassifier, HistGradientBoostingClassifier
from sklearn.metrics import accuracy_score
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.tree import DecisionTreeRegressor

from gen_augment import archive
from gen_augment.cli.terminal import out, tell
from gen_augment.data import Rows
from gen_augment.data.sources import LoadedData
from gen_augment.distillation import Columns, Distilled, ReadableTree
from gen_augment.distillation.page import tree_page
from gen_augment.errors import InputError
from gen_augment.study.models import load_model
from gen_augment.study.report.wording import as_number
from gen_augment.study.teaching import read_teachers

__all__ = ["choose_student", "choose_teachers", "distilled", "split", "write_report"]

#: Samples of the held-out rows that say whether the teacher's advantage is chance.
N_BOOTSTRAP = 200
TEACHERS = {
    "trees": lambda: ExtraTreesClassifier(300, min_samples_leaf=2),
    "boosting": HistGradientBoostingClassifier,
}


def choose_student(text: str) -> Any:
    """Return an unfitted tree from ``tree:8``."""
    name, _, depth = text.partition(":")
    if name != "tree" or not depth.isdecimal() or int(depth) == 0:
        raise InputError(f"--student {text!r}: give tree and its greatest depth, such as tree:8.")
    return make_pipeline(Columns(), DecisionTreeRegressor(max_depth=int(depth)))


def choose_teachers(names: Sequence[str]) -> list[Any]:
    """Return unfitted classifiers by short names or dotted ones."""
    return list(
        read_teachers(
            [TEACHERS[name]() if name in TEACHERS else load_model(name) for name in names]
        )
    )


def split(loaded: LoadedData, test_size: float, seed: int) -> tuple[Rows, Rows]:
    """Return rows to learn from, and rows to test on; equal rows are in the same part."""
    rows = loaded.rows
    if not isinstance(rows.X, pd.DataFrame) and getattr(rows.X, "ndim", 0) != 2:
        raise InputError(
            f"{loaded.name} holds {rows.modality.name} rows, and rules need the columns of a table."
        )
    if not 0 < test_size < 1:
        raise InputError(f"--test-size {test_size:g}: give a share between 0 and 1.")
    numbers, different = pd.factorize(rows.digests)
    if n_repeated := len(rows) - len(different):
        tell(out, f"{n_repeated} rows repeat an earlier row; equal rows stay in the same part.")
    first = np.unique(numbers, return_index=True)[1]
    try:
        parts = train_test_split(
            np.arange(len(first)),
            test_size=test_size,
            stratify=rows.codes[first],
            random_state=seed,
        )
    except ValueError as error:
        single = np.flatnonzero(np.bincount(rows.codes[first]) == 1)
        rare = [str(label) for label in rows.classes[single]]
        found = f"only one row has {', '.join(rare[:5])}" if rare else str(error)
        raise InputError(f"the rows cannot be split into two parts: {found}.") from error
    train, test = (rows.part(np.flatnonzero(np.isin(numbers, part))) for part in parts)
    return train, test


def distilled(
    student: Any, teachers: list[Any], sampler: Any, ratio: float, seed: int, train: Rows
) -> Distilled:
    """Fit teacher and student."""
    model = Distilled(student, teachers, sampler, ratio=ratio, random_state=seed)
    return model.fit(train)


def write_report(model: Distilled, tree: ReadableTree, test: Rows, name: str, path: Path) -> None:
    """Score the models on held-out rows; print what was found, and write the page."""
    cost = model.cost(test.X)
    said, lines, areas = model.predictions(test.X), {}, {}
    agreed = (said["student"].argmax(axis=1) == said["teacher"].argmax(axis=1)).mean()
    for who, soft in said.items():
        areas[who] = _area(test.codes, soft)
        lines[who] = {
            "accuracy, %": f"{100 * accuracy_score(test.codes, soft.argmax(axis=1)):.1f}",
            "area under the ROC curve, %": f"{100 * areas[who]:.1f}",
        }
    for who in ("student", "teacher"):
        lines[who]["size, kB"] = as_number(cost[f"{who}_bytes"], 1, 0.001)
        lines[who]["a row, µs"] = f"{cost[f'{who}_us_per_row']:.1f}"
    lines["hard labels"] |= {"size, kB": "–", "a row, µs": "–"}
    gap = areas["teacher"] - areas["hard labels"]
    is_clear = _is_clear(test.codes, said["teacher"], said["hard labels"])
    words = [
        f"Student and teacher agree on {100 * agreed:.1f}% of {len(test)} "
        f"held-out rows; {model.n_synthetic_} synthetic rows were labelled by the teacher."
    ]
    if is_clear:
        share = 100 * (areas["student"] - areas["hard labels"]) / gap
        words.append(
            f"In the area under the ROC curve, the student has {share:.0f}% of the teacher's "
            "advantage over the same tree on hard labels."
        )
    else:
        words.append(
            "The teacher has no clear advantage over the same tree on hard labels here, so there "
            "is nothing to distil."
        )
    shown = Table(box=None, pad_edge=False)
    for title in ("model", *lines["student"]):
        shown.add_column(title, justify="left" if title == "model" else "right")
    for who, line in lines.items():
        shown.add_row(who, *line.values())
    out.print(shown, highlight=False)
    for text in words:
        tell(out, text)
    page = tree_page(tree, f"A tree distilled on {name}", words, lines)
    archive.write_bytes(path, page.encode())


def _is_clear(codes: np.ndarray, teacher: np.ndarray, hard: np.ndarray) -> bool:
    """Return whether the teacher's area is larger in 97.5% of bootstrap samples of the rows."""
    rng = np.random.default_rng(0)
    drawn = [rng.integers(len(codes), size=len(codes)) for _ in range(N_BOOTSTRAP)]
    drawn = [rows for rows in drawn if len(np.unique(codes[rows])) > 1]
    gaps = [_area(codes[rows], teacher[rows]) - _area(codes[rows], hard[rows]) for rows in drawn]
    return bool(np.quantile(gaps, 0.025) > 0)


def _area(codes: np.ndarray, soft: np.ndarray) -> float:
    """Return the mean area of the classes that have held-out rows."""
    ranks, areas = rankdata(soft, axis=0), []
    for c in np.unique(codes):
        mine = codes == c
        n = int(mine.sum())
        above = ranks[mine, c].sum() - n * (n + 1) / 2  # pairs in order (Mann and Whitney 1947)
        areas.append(above / (n * (len(codes) - n)))
    return float(np.mean(areas))
