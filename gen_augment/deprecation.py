"""Parameters and names that go away: how a release tells that the next one will drop them."""

import warnings

__all__ = ["warn_deprecated"]


def warn_deprecated(old: str, *, instead: str, removed_in: str, stacklevel: int = 2) -> None:
    """Warn the caller of a public function that something it used will be removed.

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
    stacklevel : int
        Calls between the user's line and this function, as in `warnings.warn`; 2 for a call in
        the body of a public function.

    Examples
    --------
    >>> import warnings
    >>> with warnings.catch_warnings(record=True) as caught:
    ...     warnings.simplefilter("always")
    ...     warn_deprecated("fit(seed=...)", instead="random_state=", removed_in="9.0", stacklevel=1)
    >>> print(caught[0].message)
    fit(seed=...) is deprecated and will be removed in 9.0: use random_state=.
    """
    warnings.warn(
        f"{old} is deprecated and will be removed in {removed_in}: use {instead}.",
        FutureWarning,
        stacklevel=stacklevel + 1,
    )
