"""Warnings that name the user's line, however deep in the package they are raised."""

import re
import sys
import sysconfig
import warnings
from pathlib import Path

__all__ = ["warn", "warn_deprecated"]

_FOLDERS = "|".join(
    re.escape(str(each)) for each in (Path(__file__).parent, sysconfig.get_path("stdlib"))
)
#: Files of this package, of Python itself and of installed libraries.
_LIBRARY = re.compile(rf"({_FOLDERS}|.*[\\/](site|dist)-packages)[\\/]|<frozen ")


def warn(message: str | Warning, category: type[Warning] = UserWarning) -> None:
    """Issue a warning at the line of the user's code that led to it.

    That is the innermost line outside of this package, Python's library and installed libraries,
    such as torch, which calls a Dataset. If there is none, as in a worker process, it is the
    outermost line.

    Parameters
    ----------
    message : str or Warning
    category : type of Warning
        Not used if the message is a `Warning`.

    Examples
    --------
    >>> import warnings
    >>> with warnings.catch_warnings(record=True) as caught:
    ...     warnings.simplefilter("always")
    ...     warn("the labels have one class")
    >>> caught[0].category.__name__, caught[0].filename == __file__
    ('UserWarning', False)
    """
    frame = sys._getframe(1)
    while _LIBRARY.match(frame.f_code.co_filename) and frame.f_back is not None:
        frame = frame.f_back
    warnings.warn_explicit(
        message,
        category,
        frame.f_code.co_filename,
        frame.f_lineno,
        frame.f_globals.get("__name__"),
        frame.f_globals.setdefault("__warningregistry__", {}),
    )


def warn_deprecated(old: str, *, instead: str, removed_in: str) -> None:
    """Warn the user that something will be removed.

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
    message = f"{old} is deprecated and will be removed in {removed_in}: use {instead}."
    warn(message, FutureWarning)
