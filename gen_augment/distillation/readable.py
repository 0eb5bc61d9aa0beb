"""Decision trees that can be read: rules in the columns of a table, kept as JSON."""

import json
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple, Self

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator, TransformerMixin

from gen_augment.archive import write_json
from gen_augment.distillation.thresholds import as_date, as_decimal, decimals_of
from gen_augment.errors import ArchiveError, InputError
from gen_augment.types import JSON

__all__ = ["Columns", "Feature", "Node", "ReadableTree"]

FORMAT, VERSION = "gen_augment tree", 1
#: Values of a categorical column that rules may name, the most frequent ones.
MAX_VALUES = 50


class Feature(NamedTuple):
    """A number that rules ask for.

    Attributes
    ----------
    column : str
    value : str or None
        The category that is marked with 1; None for a number.
    is_date : bool
        Whether the number is a date, in days since 1970.
    has_missing : bool
        Whether training rows lacked it.
    decimals : int or None
        Decimal places of the training rows, which rules show too; None if they had many.
    """

    column: str
    value: str | None = None
    is_date: bool = False
    has_missing: bool = False
    decimals: int | None = None


class Columns(TransformerMixin, BaseEstimator):  # type: ignore[misc]
    """Table to numbers that rules can be written in: numbers as they are, a column per category.

    Dates become days since 1970. Missing numbers stay missing, which trees of scikit-learn take.

    Attributes
    ----------
    features_ : list of Feature

    Examples
    --------
    >>> X = pd.DataFrame({"age": [30.0, 40.0], "job": ["clerk", "cook"]})
    >>> Columns().fit_transform(X).tolist(), Columns().fit(X).features_[1].value
    ([[30.0, 1.0, 0.0], [40.0, 0.0, 1.0]], 'clerk')
    """

    def fit(self, X: Any, y: Any = None) -> Self:
        """Find the categories of each column."""
        self.features_: list[Feature] = []
        for name, column in _columns(X):
            if (numbers := _as_number(column)) is not None:
                is_date = pd.api.types.is_datetime64_any_dtype(column.dtype)
                missing = bool(column.isna().any())
                # As they were given: 32 bits hold no 0.1 in 64.
                given = numbers.astype(np.float32) if column.dtype == np.float32 else numbers
                feature = Feature(name, None, is_date, missing, decimals_of(given))
                self.features_.append(feature)
            else:
                values = column.dropna().astype(str).value_counts().index[:MAX_VALUES]
                self.features_ += [Feature(name, value) for value in sorted(values)]
        return self

    def transform(self, X: Any) -> np.ndarray:
        """Return numbers of shape (n, n_features)."""
        return _numbers(X, self.features_)


@dataclass(frozen=True)
class Node:
    """A question, or a leaf.

    Attributes
    ----------
    probabilities : tuple of float
        Of the classes, among the rows that reach the node.
    share : float
        Share of the training rows that reach it, in [0, 1].
    feature : int or None
        Number of the feature that is asked for; None for a leaf.
    threshold : float
        Rows with at most this value go to `low`, others to `high`.
    low, high : int
        Numbers of nodes.
    missing_low : bool
        Whether rows whose value is missing go to `low`.
    """

    probabilities: tuple[float, ...]
    share: float
    feature: int | None = None
    threshold: float = 0.0
    low: int = 0
    high: int = 0
    missing_low: bool = False


@dataclass(frozen=True)
class ReadableTree:
    """A decision tree for the columns of a table, which predicts without scikit-learn.

    Attributes
    ----------
    classes : tuple
        Labels.
    features : tuple of Feature
    nodes : tuple of Node
        The first is the root.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.pipeline import make_pipeline
    >>> from sklearn.tree import DecisionTreeClassifier
    >>> X, y = load_iris(return_X_y=True, as_frame=True)
    >>> model = make_pipeline(Columns(), DecisionTreeClassifier(max_depth=1, random_state=0))
    >>> print(ReadableTree.of(model.fit(X, y), [0, 1, 2]).rules())
    if petal width (cm) <= 0.8:
      0: 100% (33% of rows)
    else:
      2: 50%, 1: 50% (67% of rows)
    """

    classes: tuple[Any, ...]
    features: tuple[Feature, ...]
    nodes: tuple[Node, ...]

    @classmethod
    def of(cls, model: Any, classes: Any) -> Self:
        """Read a fitted ``make_pipeline(Columns(), tree)``.

        Parameters
        ----------
        model : Pipeline
            Its tree is a classifier, or a regressor of probabilities.
        classes : sequence
            Labels by class number.
        """
        tree = model[-1].tree_
        values = np.squeeze(tree.value, axis=2 if tree.value.shape[1] > 1 else 1)
        if values.shape[1] != len(classes):
            raise InputError(f"the tree gives {values.shape[1]} values, not {len(classes)}.")
        values = values.clip(0) / values.clip(0).sum(axis=1, keepdims=True)
        share = tree.weighted_n_node_samples / tree.weighted_n_node_samples[0]
        nodes = []
        for i in range(tree.node_count):
            probabilities = tuple(round(float(p), 6) for p in values[i])
            node = Node(probabilities, round(float(share[i]), 6))
            if tree.children_left[i] >= 0:
                node = Node(
                    probabilities, node.share, int(tree.feature[i]), float(tree.threshold[i]),
                    int(tree.children_left[i]), int(tree.children_right[i]),
                    bool(tree.missing_go_to_left[i]),
                )  # fmt: skip
            nodes.append(node)
        labels = tuple(c.item() if isinstance(c, np.generic) else c for c in classes)
        return cls(labels, tuple(model[0].features_), tuple(nodes))

    def predict_proba(self, X: Any) -> np.ndarray:
        """Return probabilities of shape (n, n_classes).

        Parameters
        ----------
        X : DataFrame, or array of shape (n, n_columns)

        Raises
        ------
        InputError
            A column is missing.
        """
        numbers = _numbers(X, self.features).astype(np.float32)  # as scikit-learn compares
        at = np.zeros(len(numbers), dtype=np.int64)
        for _ in range(self.depth):
            for i in np.unique(at):
                node = self.nodes[i]
                if node.feature is None:
                    continue
                here = np.flatnonzero(at == i)
                value = numbers[here, node.feature]
                # scikit-learn keeps thresholds in 64 bits, between neighbouring values of 32.
                below = value.astype(np.float64) <= node.threshold
                low = np.where(np.isnan(value), node.missing_low, below)
                at[here] = np.where(low, node.low, node.high)
        return np.array([self.nodes[i].probabilities for i in at]).reshape(len(at), -1)

    def predict(self, X: Any) -> np.ndarray:
        """Return the most likely label of each row."""
        labels: np.ndarray = np.array(self.classes)
        return np.asarray(labels[self.predict_proba(X).argmax(axis=1)])

    @property
    def depth(self) -> int:
        """Number of questions on the longest way to a leaf."""
        return max(level for level, _ in self.walk())

    def walk(self, start: int = 0, level: int = 0) -> Iterator[tuple[int, int]]:
        """Yield the depth and the number of each node, the root first."""
        yield level, start
        node = self.nodes[start]
        if node.feature is not None:
            yield from self.walk(node.low, level + 1)
            yield from self.walk(node.high, level + 1)

    def question(self, node: Node) -> str:
        """Return what a node asks; rows for which it is true go to `low`."""
        feature = self.features[int(node.feature or 0)]
        if feature.value is not None:
            return f"{feature.column} is not {feature.value}"
        limit = (as_date if feature.is_date else as_decimal)(node.threshold, feature.decimals)
        missing = " or missing" if feature.has_missing and node.missing_low else ""
        return f"{feature.column} <= {limit}{missing}"

    def answer(self, node: Node) -> str:
        """Return the likely classes of a node, the most likely first."""
        order = np.argsort(node.probabilities, kind="stable")[::-1][:3]
        likely = [c for c in order if node.probabilities[c] >= 0.005]
        return ", ".join(f"{self.classes[c]}: {100 * node.probabilities[c]:.0f}%" for c in likely)

    def rules(self) -> str:
        """Return the tree as nested questions."""
        return "\n".join(self._lines(0, ""))

    def _lines(self, start: int, indent: str) -> Iterator[str]:
        node = self.nodes[start]
        if node.feature is None:
            yield f"{indent}{self.answer(node)} ({100 * node.share:.0f}% of rows)"
            return
        yield f"{indent}if {self.question(node)}:"
        yield from self._lines(node.low, indent + "  ")
        yield f"{indent}else:"
        yield from self._lines(node.high, indent + "  ")

    def to_json(self) -> JSON:
        """Return the tree as JSON values."""
        nodes = []
        for node in self.nodes:
            one: JSON = {"probabilities": list(node.probabilities), "share": node.share}
            if node.feature is not None:
                one |= {
                    "feature": node.feature, "threshold": node.threshold, "low": node.low,
                    "high": node.high, "missing_low": node.missing_low,
                }  # fmt: skip
            nodes.append(one)
        features = [feature._asdict() for feature in self.features]
        return {
            "format": FORMAT, "version": VERSION, "classes": list(self.classes),
            "features": features, "nodes": nodes,
        }  # fmt: skip

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the tree to a JSON file, completely or not at all."""
        write_json(path, self.to_json())

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Self:
        """Read what `save` wrote.

        Raises
        ------
        ArchiveError
            The file is missing, damaged, or holds no tree.
        """
        try:
            record = json.loads(Path(path).read_text(encoding="utf-8"))
            if (record["format"], record["version"]) != (FORMAT, VERSION):
                raise ValueError(f"it is not of format {FORMAT!r}, version {VERSION}")
            features = tuple(Feature(**one) for one in record["features"])
            nodes = tuple(
                Node(**one | {"probabilities": tuple(map(float, one["probabilities"]))})
                for one in record["nodes"]
            )
            made = cls(tuple(record["classes"]), features, nodes)
            made._check()
        except (OSError, ValueError, TypeError, LookupError) as error:
            raise ArchiveError(f"{path} holds no tree that can be used: {error}") from error
        return made

    def _check(self) -> None:
        """Raise ValueError for nodes that do not fit together."""
        if not self.nodes:
            raise ValueError("there are no nodes")
        for number, node in enumerate(self.nodes):
            if len(node.probabilities) != len(self.classes):
                raise ValueError(f"node {number} has {len(node.probabilities)} probabilities")
            asks = node.feature is not None
            if asks and not (
                0 <= int(node.feature or 0) < len(self.features)
                and number < min(node.low, node.high)
                and max(node.low, node.high) < len(self.nodes)
            ):
                raise ValueError(f"node {number} names a feature or a node that does not exist")


def _columns(X: Any) -> Iterator[tuple[str, "pd.Series[Any]"]]:
    """Yield names and columns; those of an array are numbered."""
    frame = X if isinstance(X, pd.DataFrame) else pd.DataFrame(np.asarray(X))
    for name in frame:
        yield str(name), frame[name]


def _as_number(column: "pd.Series[Any]") -> np.ndarray | None:
    """Return numbers, or dates as days since 1970; None for categories."""
    if pd.api.types.is_datetime64_any_dtype(column.dtype):
        days = (column - pd.Timestamp("1970-01-01", tz=column.dt.tz)) / pd.Timedelta(days=1)
        return days.to_numpy(dtype=float)
    if pd.api.types.is_numeric_dtype(column.dtype):
        return column.astype("Float64").to_numpy(dtype=float, na_value=np.nan)
    return None


def _numbers(X: Any, features: Sequence[Feature]) -> np.ndarray:
    """Return the features of rows: ndarray of shape (n, n_features), float64."""
    columns, found = dict(_columns(X)), []
    for name, value, *_ in features:
        if name not in columns:
            raise InputError(f"the rows have no column {name!r}: give {', '.join(columns)} and it.")
        column = columns[name]
        if value is not None:
            found.append((column.astype(str) == value).to_numpy(dtype=float))
            continue
        numbers = _as_number(column)
        if numbers is None:
            raise InputError(f"column {name!r} has no numbers, and the tree asks for one.")
        found.append(numbers)
    return np.stack(found, axis=1) if found else np.empty((len(X), 0))
