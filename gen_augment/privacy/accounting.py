"""How much noise a privacy budget needs.

References
----------
Balle and Wang, "Improving the Gaussian Mechanism for Differential Privacy: Analytical Calibration
and Optimal Denoising", ICML 2018 (arXiv:1805.06530), theorem 8.
Dong, Roth and Su, "Gaussian Differential Privacy", 2019 (arXiv:1905.02383): ``k`` Gaussian
mechanisms with noise ``sigma`` compose to one with ``sigma / sqrt(k)``, exactly.
Abadi et al., "Deep Learning with Differential Privacy", 2016 (arXiv:1607.00133).
Mironov, Talwar and Zhang, "Renyi Differential Privacy of the Sampled Gaussian Mechanism", 2019
(arXiv:1908.10530).
Canonne, Kamath and Steinke, "The Discrete Gaussian for Differential Privacy", NeurIPS 2020
(arXiv:2004.00010), proposition 12: from zero-concentrated to approximate privacy.
"""

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
from scipy.special import log_ndtr

from gen_augment.errors import InputError, MissingDependencyError

__all__ = [
    "concentrated_epsilon",
    "concentrated_rho",
    "gaussian_delta",
    "gaussian_sigma",
    "sampled_epsilon",
    "sampled_sigma",
]

#: Orders of the Renyi divergence; small budgets need large ones.
ORDERS = (
    *(1.1, 1.25, 1.5, 1.75, 2.25, 2.5, 3.5, 4.5),
    *(2, 3, 4, 5, 6, 7, 8, 9, 10, 12, 14, 16, 20, 24, 28, 32, 40, 48, 64, 96, 128, 256, 512),
)
#: More noise than any budget in use needs.
MAX_SIGMA = 1e6


def gaussian_delta(sigma: float, epsilon: float) -> float:
    """Return the smallest delta of the Gaussian mechanism with sensitivity 1 and noise `sigma`.

    Examples
    --------
    >>> round(gaussian_delta(1.0, 1.0), 4)
    0.1269
    """
    first = np.exp(log_ndtr(0.5 / sigma - epsilon * sigma))
    return float(first - np.exp(epsilon + log_ndtr(-0.5 / sigma - epsilon * sigma)))


def gaussian_sigma(epsilon: float, delta: float) -> float:
    """Return the least noise of a Gaussian mechanism with sensitivity 1 within a budget."""
    return _least(lambda sigma: gaussian_delta(sigma, epsilon) <= delta)


def sampled_epsilon(sigma: float, delta: float, rate: float, steps: int) -> float:
    """Return epsilon of `steps` Gaussian mechanisms, each on a Poisson sample of the rows.

    Parameters
    ----------
    sigma : float
        Standard deviation of the noise, in units of the sensitivity.
    delta : float
    rate : float in (0, 1]
        Probability with which a step sees a row. At 1 the closed form is used.
    steps : int
    """
    if rate == 1:
        whole = sigma / steps**0.5
        return _least(lambda epsilon: gaussian_delta(whole, epsilon) <= delta)
    accountant: Any = _accountant()
    accountant.history = [(sigma, rate, steps)]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # an order at the end of the range is valid, only loose
        return float(accountant.get_epsilon(delta=delta, alphas=list(ORDERS)))


def sampled_sigma(epsilon: float, delta: float, rate: float, steps: int) -> float:
    """Return the least noise for which `sampled_epsilon` is within the budget.

    Raises
    ------
    InputError
        No noise is large enough.
    """
    if rate == 1:
        return float(gaussian_sigma(epsilon, delta) * steps**0.5)
    return _least(lambda sigma: sampled_epsilon(sigma, delta, rate, steps) <= epsilon)


def concentrated_epsilon(rho: float, delta: float) -> float:
    """Return epsilon of a mechanism that is `rho`-zero-concentrated private."""
    order: Any = 1 + np.geomspace(1e-4, 1e6, 20000)
    gap = np.log(1 - 1 / order) * order - np.log(delta * (order - 1))
    return float(max(0.0, (order * rho + gap / (order - 1)).min()))


def concentrated_rho(epsilon: float, delta: float) -> float:
    """Return the largest `rho` whose `concentrated_epsilon` is within the budget."""
    return 1 / _least(lambda x: concentrated_epsilon(1 / x, delta) <= epsilon, most=1e12)


def _least(enough: Callable[[float], bool], *, most: float = MAX_SIGMA) -> float:
    """Return the least number that is enough, from above, to within 0.1%."""
    low, high = 0.0, 1.0
    while not enough(high):
        low, high = high, 2 * high
        if high > most:
            raise InputError(
                "the privacy budget is too small for any noise: raise epsilon or delta, or lower "
                "max_steps or batch_size."
            )
    while high - low > 1e-3 * high and high > 1e-9:
        middle = (low + high) / 2
        low, high = (low, middle) if enough(middle) else (middle, high)
    return high


def _accountant() -> Any:
    try:
        from opacus.accountants import RDPAccountant  # type: ignore[import-untyped]
    except ImportError as error:
        raise MissingDependencyError(
            "private training needs opacus: pip install 'gen_augment[privacy]'."
        ) from error
    return RDPAccountant()
