"""A table with columns of every kind, and readable trees that are fitted on it."""

from typing import Any

import numpy as np
import pandas as pd
from sklearn.pipeline import make_pipeline
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

from gen_augment.distillation import Columns, ReadableTree


def table(n: int = 400, seed: int = 0) -> tuple[pd.DataFrame, np.ndarray]:
    """Three classes, and columns of numbers with missing values, a category, a date and a flag."""
    rng = np.random.default_rng(seed)
    age = rng.normal(40, 10, n)
    age[rng.random(n) < 0.2] = np.nan
    job = rng.choice(["clerk", "cook", "<b> & co"], n)
    since = pd.Timestamp("2020-01-01") + pd.to_timedelta(rng.integers(0, 700, n), unit="D")
    flag = rng.random(n) < 0.4
    X = pd.DataFrame({"age": age, "job": job, "since": since, "flag": flag})
    y = (np.nan_to_num(age, nan=60) > 45).astype(int) + (job == "cook")
    return X, np.where(rng.random(n) < 0.1, 0, y)


def fitted(kind: str) -> tuple[Any, ReadableTree]:
    X, y = table()
    if kind == "regressor":
        tree: Any = DecisionTreeRegressor(max_depth=6, random_state=0)
        model = make_pipeline(Columns(), tree).fit(X, np.eye(3)[y])
        return model, ReadableTree.of(model, ["a", "b", "c"])
    model = make_pipeline(Columns(), DecisionTreeClassifier(max_depth=6, random_state=0)).fit(X, y)
    return model, ReadableTree.of(model, ["a", "b", "c"])
