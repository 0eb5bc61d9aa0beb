"""Parameters and names that go away: how a release tells that the next one will drop them."""

import warnings

__all__ = ["warn_deprecated"]


def warn_deprecated(old: str, *, instead: str, removed_in: str) -> None:
    """Warn the caller of a public function that something it used will be removed.

    The function itself calls this, so that the warning names the line of its caller.

    The warning is a `FutureWarning`, which Python shows to users by default. A test fails once
    the package has the version `removed_in` and the call is still there.

    Parameters
    ----------
    old : str
        What was used, such as ``"ConditionalVAE(spread=...)"``.
    instead : str
        What to write.
    removed_in : str
        The version that will not have it, as a literal.

    Examples
    --------
    >>> import warnings
    >>> with warnings.catch_warnings(record=True) as caught:
    ...     warnings.simplefilter("always")
    ...     warn_deprecated("fit(seed=...)", instead="random_state=", removed_in="9.0")
    >>> print(caught[0].message)
    fit(seed=...) is deprecated and will be removed in 9.0: use random_state=.
    """
    warnings.warn(
        f"{old} is deprecated and will be removed in {removed_in}: use {instead}.",
        FutureWarning,
        stacklevel=3,
    )
