"""Rows as the rest of the package looks at them: as vectors, lines, files of a bank, or inputs."""

from collections.abc import Callable, Mapping
from typing import Any, ClassVar, NamedTuple, Protocol

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from gen_augment.errors import InputError
from gen_augment.modalities.row_store import RowStore
from gen_augment.modalities.scan import Scan

__all__ = ["Figure", "Known", "RowViews"]


class Figure(NamedTuple):
    """A figure of an audit in words.

    Attributes
    ----------
    question : str
        The question that the figure helps to answer.
    title, meaning : str
        Its name, and what it measures.
    ideal : str
        Its best value.
    """

    question: str
    title: str
    meaning: str
    ideal: str


class Known(Protocol):
    """What is publicly known of an encoding, and what else it has to buy.

    Attributes
    ----------
    n_histograms, n_sets : int
        Number of noisy histograms to be bought, and of those that reveal a set of values.
    """

    n_histograms: int
    n_sets: int

    def codec(self, ledger: Any) -> tuple[Any, Tensor, Tensor]:
        """Buy what is not known; return the codec, and the bounds of encoded rows."""

    def violations(self) -> dict[str, int]:
        """Count the values beyond the public bounds, by column."""


class RowViews:
    """Views of rows for filters, metrics, audits and studies; a modality may override any of them.

    Attributes
    ----------
    figures : mapping of str to Figure
        What `measure` measures, by name.
    near_copy : float
        Distance to a training row, as a share of that row's distance to the next, below which a
        row is a near copy.
    """

    figures: ClassVar[Mapping[str, Figure]] = {}

    def __init__(self, near_copy: float = 0.01) -> None:
        self.near_copy = near_copy

    def vectors(self, codec: Any, X: Any) -> Tensor:
        """Return the vectors in which rows are compared, of shape (n, d); encoded values here."""
        encoded: Tensor = codec.encode(X)
        return encoded.flatten(1)

    def novelty(self, X: Any) -> Callable[[Any], np.ndarray] | None:
        """Return a function that scores how new rows are; None if distances of vectors say so.

        Parameters
        ----------
        X : training rows

        Returns
        -------
        callable or None
            Maps n rows to scores of shape (n,) in [0, 1]; 0 is a copy of a training row.
        """
        return None

    def measure(self, train: Any, X: Any, unseen: Any = None) -> dict[str, tuple[float, float]]:
        """Measure rows against training rows.

        Parameters
        ----------
        train, X : training rows, and synthetic rows
        unseen : rows, optional
            Real rows that were not trained on.

        Returns
        -------
        dict of str to (float, float)
            The values of `figures`, and their references; NaN if there is none.
        """
        return {}

    def lines(self, X: Any) -> list[str] | None:
        """Return rows as lines of text that a reader compares; None if they are no text."""
        return None

    def by_chance(self, codec: Any, X: Any, train: Any) -> np.ndarray:
        """Return which rows a sampler could make by chance: bool ndarray of shape (n,).

        Here these are rows whose values all occur in training rows, in the same place. Rows that
        are encoded as grids, such as images, are never equal by chance.
        """
        if isinstance(X, pd.DataFrame) or len(getattr(X, "shape", ())) == 2:
            frame, known = (
                part if isinstance(part, pd.DataFrame) else pd.DataFrame(np.asarray(part))
                for part in (X, train)
            )
        elif len(codec.shape) == 1:
            frame, known = (pd.DataFrame(codec.encode(part).numpy()) for part in (X, train))
        else:
            return np.zeros(len(X), dtype=bool)
        return np.asarray(np.logical_and.reduce([frame[name].isin(known[name]) for name in frame]))

    def known(self, modality: Any, X: Any, bounds: Any) -> "Known":
        """Return what is publicly known of the encoding of `X`, for private training.

        Raises
        ------
        InputError
            Something that the encoding learns is neither public nor to be paid for.
        """
        raise InputError(
            f"{modality.name} rows have no private encoding: privacy=Private(...) takes images "
            "and tables."
        )

    def scan(self, modality: Any) -> Scan:
        """Return what learns the encoding of rows that arrive in parts."""
        return Scan(modality)

    def row_store(self, codec: Any, compression: str | None = None) -> RowStore:
        """Return how a bank stores rows.

        Raises
        ------
        InputError
            Rows cannot be compressed in this way.
        """
        if compression is not None:
            raise InputError(
                f"compression={compression!r} is for images, and these rows are "
                f"{codec.modality.name}: leave it out."
            )
        return RowStore(codec.pack, codec.decode(torch.zeros(1, *codec.shape, device="cpu")))

    # -- Classifiers

    def judge(self) -> Any:
        """Return the classifier that filters and audits train; None for a small network."""
        return None

    def pipeline_rows(self, X: Any) -> Any:
        """Return rows as a scikit-learn Pipeline takes them; None if it takes numbers alone."""
        return None

    def network_inputs(self, codec: Any, X: Any) -> Callable[[Any], Tensor]:
        """Return what maps rows to inputs of a network in a study; it may learn from `X`."""
        inputs: Callable[[Any], Tensor] = codec.modality.classifier_inputs(codec, X)
        return inputs
