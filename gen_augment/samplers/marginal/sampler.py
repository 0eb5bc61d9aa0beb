"""`MarginalSampler`: a private sampler of tables from noisy marginals."""

from typing import Any, Self

import numpy as np
import torch
from torch import Tensor

from gen_augment.data import Rows
from gen_augment.errors import InputError
from gen_augment.modalities import Modality
from gen_augment.privacy import Private
from gen_augment.privacy.accounting import concentrated_epsilon, concentrated_rho
from gen_augment.privacy.release import release
from gen_augment.rng import RandomState, derive_seed, resolve_seed, uniform
from gen_augment.samplers import persistence
from gen_augment.samplers.base import Sampler
from gen_augment.samplers.classical.base import check_flat, check_tensor
from gen_augment.samplers.marginal.states import States
from gen_augment.samplers.marginal.tree import TreeModel, learn_tree
from gen_augment.samplers.persistence import is_private
from gen_augment.types import JSON
from gen_augment.validation import check_positive_int

__all__ = ["MarginalSampler"]


class MarginalSampler(Sampler):
    """Rows drawn column by column along a tree of noisy two-way marginals (MST).

    For tables with a privacy budget. Each column depends on one other column, and the tree
    starts at the label. Numbers are cut into bins, within which new values are uniform. The smaller
    the budget, the more bins are joined, and with few rows for it every column depends on the label
    alone. Without a budget, marginals are exact.

    Parameters
    ----------
    privacy : Private, optional
        The budget, and what is publicly known of the table.
    n_bins : int
        Maximum number of bins of a number.
    n_iterations : int
        Steps of the inference from noisy marginals.
    modality : str, Modality or None
        How to read the rows; None if only one reading is possible.
    random_state : int, RandomState or None
        Names the table of rows. The noise does not depend on it.

    Attributes
    ----------
    privacy_ : dict or None
        The guarantee, and what was spent.
    tree_ : list of (parent, column)
        Edges by the position of columns among the encoded attributes; the label comes last.

    References
    ----------
    McKenna, Miklau and Sheldon, "Winning the NIST Contest", Journal of Privacy and Confidentiality
    11(3), 2021 (arXiv:2108.04978).

    Examples
    --------
    >>> from sklearn.datasets import load_wine
    >>> X, y = load_wine(return_X_y=True)
    >>> sampler = MarginalSampler(n_bins=8, random_state=0).fit(X, y)
    >>> X_new, y_new = sampler.sample(y={0: 2, 2: 1})
    >>> X_new.shape, y_new.tolist()
    ((3, 13), [0, 0, 2])
    """

    method = "marginal"
    min_rows_per_class = 1
    _header_keys = frozenset({"privacy", "tree"})

    def __init__(
        self,
        *,
        privacy: Private | None = None,
        n_bins: int = 32,
        n_iterations: int = 1000,
        modality: str | Modality | None = None,
        random_state: RandomState = None,
    ) -> None:
        self.privacy = privacy
        self.n_bins = n_bins
        self.n_iterations = n_iterations
        self.modality = modality
        self.random_state = random_state

    def _check_params(self) -> None:
        if check_positive_int("n_bins", self.n_bins) < 2:
            raise InputError(f"n_bins={self.n_bins}: give at least 2 bins.")
        check_positive_int("n_iterations", self.n_iterations)

    def fit(self, X: Any, y: Any = None) -> Self:
        """Measure marginals of the labelled rows; see `Sampler.fit`.

        Raises
        ------
        InputError
            As in `Sampler.fit`; or the budget is finite, and bounds, categories or labels are
            neither public nor paid for.
        MissingDependencyError
            The budget is finite, and mbi is not installed.
        """
        self._check_params()
        rows, counts, rho, record = self._prepared(X, y)
        check_flat(rows.codec, type(self).__name__)
        states = States.of(rows.codec, self.n_bins)
        sizes = [*states.sizes, rows.n_classes]
        codes = np.column_stack([states.encode(rows.encoded), rows.codes])
        n_numbers = len(states.lows)
        tree = learn_tree(codes, sizes, len(sizes) - 1, rho, self.n_iterations, n_numbers)
        self._set_labels(rows.labels, counts, resolve_seed(self.random_state))
        self._set_codec(rows.codec)
        self._set_model(states, tree)
        self.privacy_ = record
        if record is None:
            self._remember(rows)
        return self

    def _prepared(self, X: Any, y: Any) -> tuple[Rows, np.ndarray, float, JSON | None]:
        """Return encoded rows, class counts, the budget of the marginals, and the guarantee."""
        if not is_private(self):
            rows = self._read(X, y).labelled()
            return rows, rows.class_counts, np.inf, None
        private: Private = self.privacy  # type: ignore[assignment]
        found = release(Rows.read(X, y, modality=self.modality), private)
        rho = concentrated_rho(found.epsilon, found.delta)
        epsilon = concentrated_epsilon(rho, found.delta)
        record = {
            "epsilon": found.record["epsilon"] + epsilon,
            "delta": float(private.delta),
            "unit": "one row, added or removed",
            "encoding": found.record,
            "training": {"epsilon": epsilon, "delta": found.delta, "rho": rho},
        }
        return found.rows, found.counts, rho, record

    def _set_model(self, states: States, tree: TreeModel) -> None:
        self._states, self._model = states, tree
        self._cumulative = {a: table.cumsum(axis=1)[:, :-1] for a, table in tree.tables.items()}
        self.tree_ = [(tree.parents[a], a) for a in tree.order]

    def _make(self, index: np.ndarray, codes: np.ndarray, seed: int) -> Any:
        n = len(self._states.sizes)
        u = uniform(index, derive_seed(seed, "columns"), (n, 2))
        states = np.empty((len(index), n + 1), np.int64)
        states[:, -1] = codes
        for a in self._model.order:
            bounds = self._cumulative[a][states[:, self._model.parents[a]]]
            states[:, a] = (u[:, a, :1] >= bounds).sum(axis=1)
        return self.codec_.decode(self._states.decode(states[:, :-1], u[:, :, 1]))

    def _to_archive(self) -> tuple[JSON, dict[str, Tensor]]:
        learned = {"privacy": self.privacy_, "tree": [list(edge) for edge in self.tree_]}
        tensors = {f"table/{a}": torch.from_numpy(t) for a, t in self._model.tables.items()}
        pairs = zip(self._states.lows, self._states.highs, strict=True)
        for number, (low, high) in enumerate(pairs):
            tensors[f"bins/{number}"] = torch.from_numpy(np.stack([low, high]))
        return persistence.header_of(self) | learned, tensors

    def _restore(self, header: JSON, tensors: dict[str, Tensor], device: str) -> None:
        check_flat(self.codec_, type(self).__name__)
        self.privacy_ = persistence.check_guarantee(header["privacy"])
        n_numbers = self.codec_.shape[0] - sum(self.codec_.blocks)
        bins = [tensors[f"bins/{number}"] for number in range(n_numbers)]
        for number, ends in enumerate(bins):
            check_tensor(f"bins/{number}", ends, (2, ends.shape[-1]))
        lows, highs = (tuple(ends[i].numpy() for ends in bins) for i in (0, 1))
        states = States(lows, highs, tuple(self.codec_.blocks))
        sizes = [*states.sizes, len(self.classes_)]
        tables: dict[int, np.ndarray] = {}
        parents = {child: parent for parent, child in header["tree"]}
        for child, parent in parents.items():
            check_tensor(f"table/{child}", tensors[f"table/{child}"], (sizes[parent], sizes[child]))
            if parent != len(sizes) - 1 and parent not in tables:
                raise InputError(f"attribute {child} comes before {parent}, which it depends on.")
            tables[child] = tensors[f"table/{child}"].numpy()
            if (tables[child] < 0).any() or (abs(tables[child].sum(axis=1) - 1) > 1e-3).any():
                raise InputError(f"the rows of 'table/{child}' are not probabilities.")
        if sorted(tables) != list(range(len(sizes) - 1)):
            raise InputError(f"the tree {header['tree']} does not reach every column.")
        self._set_model(states, TreeModel(list(tables), parents, tables))
