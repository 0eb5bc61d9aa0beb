"""One sampler from the samplers of several sites, whose rows stay where they are.

References
----------
Heinbaugh, Luz-Ricca and Shao, "Data-Free One-Shot Federated Learning Under Very High Statistical
Heterogeneity", ICLR 2023: decoders of the sites, pooled, stand in for their rows.
"""

from collections.abc import Iterable, Sequence

from gen_augment.errors import InputError, NotFittedError
from gen_augment.samplers.base import Sampler
from gen_augment.samplers.mixed import MixedSampler

__all__ = ["pool"]


def pool(
    samplers: Sequence[Sampler],
    *,
    weights: Sequence[float] | None = None,
    sites: Sequence[str] | None = None,
) -> MixedSampler:
    """Return one sampler over the classes and columns of several fitted ones.

    The pool is saved as one archive and can be used wherever a sampler can. Row *i* of a label
    is row *i* of one of the samplers, in the common form; `MixedSampler.origins` names it.

    Classes are the union of all. Tables have the columns of all, in the order in which they first
    occur. A column that a site lacks is missing in the rows of that site; its dtype must have
    missing values. All other properties must agree: the modality, the size and dtype of images,
    the dtype of a column, and the type of the labels. Only the ranges of values, the categories and
    the lengths of series may differ.

    Parameters
    ----------
    samplers : sequence of fitted samplers
    weights : sequence of float, optional
        Share of the rows of each sampler, at least 0. By default the number of its labelled
        training rows, as if all rows were pooled. A sampler of weight ``w`` and class prior
        ``p(c)`` makes rows of class ``c`` in proportion to ``w p(c)``.
    sites : sequence of str, optional
        Names of the sites; their positions by default.

    Returns
    -------
    MixedSampler

    Raises
    ------
    NotFittedError
        A sampler is not fitted.
    InputError
        Rows or labels of two samplers cannot be joined, or weights or sites cannot be used.

    Examples
    --------
    >>> import numpy as np
    >>> from gen_augment import KDESampler
    >>> X, y = np.arange(40.0)[:, None], np.repeat([0, 1, 2, 3], 10)
    >>> oslo = KDESampler(random_state=0).fit(X[:20], y[:20])
    >>> bergen = KDESampler(random_state=0).fit(X[10:], y[10:])
    >>> sampler = pool([oslo, bergen], sites=["oslo", "bergen"])
    >>> sampler.classes_.tolist(), sampler.class_count_.tolist()
    ([0, 1, 2, 3], [10, 20, 10, 10])
    >>> sampler.origins([0, 1], [0, 3]).tolist()
    ['oslo', 'bergen']
    """
    if isinstance(samplers, Sampler) or not isinstance(samplers, Iterable):
        raise InputError(f"samplers={samplers!r}: give a list of fitted samplers.")
    parts = list(samplers)
    for number, part in enumerate(parts):
        if not isinstance(part, Sampler):
            raise InputError(f"samplers[{number}] is a {type(part).__name__}, not a sampler.")
        if not part.__sklearn_is_fitted__():
            raise NotFittedError(
                f"samplers[{number}], a {type(part).__name__}, is not fitted: call fit(X, y) first."
            )
    if weights is None:
        weights = [float(part.class_count_.sum()) for part in parts]
    if sites is None:
        sites = [str(number) for number in range(len(parts))]
    made = MixedSampler(parts, weights=weights, sites=sites)
    made._shares(len(parts))
    made._names(len(parts))
    made.classes_  # noqa: B018 # raises for forms that cannot be joined
    return made
