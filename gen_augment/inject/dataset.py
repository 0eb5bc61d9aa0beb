"""A map-style dataset of real rows followed by synthetic ones."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import torch
from torch.utils.data import Dataset

from gen_augment.errors import InputError
from gen_augment.inject.rows import check_same_form, labels_to_draw
from gen_augment.rng import resolve_seed
from gen_augment.types import SupportsSample
from gen_augment.validation import check_range

__all__ = ["AugmentedDataset"]


class AugmentedDataset(Dataset[tuple[Any, Any]]):
    """Real rows, then synthetic rows, as one dataset of ``(x, label)``.

    Parameters
    ----------
    real : Dataset of (x, label)
        Map-style. Give it without its transform, and the transform here, so that both kinds of rows get it.
    sampler : fitted sampler
        Fitted on rows of the form that `real` gives.
    ratio : float, optional
        Synthetic rows for each real row, in the proportions of the sampler's class prior.
    counts : {label: count}, optional
        Exactly so many synthetic rows of each label; give this or `ratio`.
    transform : callable, optional
        Applied to ``x`` of real and synthetic rows alike.
    seed : int, optional
        Names the table of synthetic rows; the sampler's own by default.
    materialize : bool
        Draw the synthetic rows once, here, and keep them in memory: right for any number of workers, and
        the only way with a sampler on a GPU. False generates each row when it is read.

    Raises
    ------
    InputError
        Nothing or something unknown is asked for, or synthetic rows differ in type, shape or dtype from real ones.

    Examples
    --------
    >>> import torch
    >>> from torch.utils.data import TensorDataset
    >>> from gen_augment import ConditionalVAE
    >>> real = TensorDataset(torch.randn(40, 3), torch.arange(40) % 2)
    >>> sampler = ConditionalVAE(max_steps=5, random_state=0, device="cpu").fit(real)
    >>> len(AugmentedDataset(real, sampler, ratio=0.5)), len(AugmentedDataset(real, sampler, counts={1: 7}))
    (60, 47)
    """

    def __init__(
        self,
        real: Dataset[Any],
        sampler: SupportsSample,
        *,
        ratio: float | None = None,
        counts: Mapping[Any, int] | None = None,
        transform: Callable[[Any], Any] | None = None,
        seed: int | None = None,
        materialize: bool = True,
    ) -> None:
        if not hasattr(real, "__len__") or len(real) == 0:
            raise InputError(f"real is a {type(real).__name__} without rows or length: give a map-style Dataset.")
        if ratio is not None:
            check_range("ratio", ratio, 0)
        self.real = real
        self.sampler = sampler
        self.transform = transform
        self.seed = seed if seed is None else resolve_seed(seed)
        self.synthetic_labels = labels_to_draw(sampler.classes_, sampler.class_prior_, ratio, counts, len(real))
        self._real_label = real[0][1]
        self._rows = None
        if len(self.synthetic_labels):
            check_same_form(real[0][0], self._generate(0))
            if materialize:
                self._rows = sampler.generate(
                    np.arange(len(self.synthetic_labels)), self.synthetic_labels, seed=self.seed
                )

    def __len__(self) -> int:
        return len(self.real) + len(self.synthetic_labels)

    def __getitem__(self, index: int) -> tuple[Any, Any]:
        if not -len(self) <= index < len(self):
            raise IndexError(f"row {index} of a dataset of {len(self)} rows.")
        index %= len(self)
        number = index - len(self.real)
        if number < 0:
            x, y = self.real[index]
        else:
            x = self._generate(number) if self._rows is None else self._rows[number]
            y = _label_like(self.synthetic_labels[number], self._real_label)
        return (x if self.transform is None else self.transform(x)), y

    def is_synthetic(self, index: int) -> bool:
        """Whether row `index` is a synthetic one."""
        return index % len(self) >= len(self.real)

    def _generate(self, number: int) -> Any:
        rows = self.sampler.generate([number], self.synthetic_labels[[number]], seed=self.seed)
        if not isinstance(rows, (np.ndarray, torch.Tensor, list)):
            raise InputError(
                f"the sampler was fitted on a {type(rows).__name__}: "
                "fit it on arrays or tensors, as Datasets hold them."
            )
        return rows[0]


def _label_like(label: np.generic, real: Any) -> Any:
    """A synthetic label written as real ones are: a batch cannot hold ints and tensors side by side."""
    if isinstance(real, torch.Tensor):
        return torch.tensor(label.item(), dtype=real.dtype)
    return label if isinstance(real, np.generic) else label.item()
