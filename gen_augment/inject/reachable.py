"""Find objects of a kind in what a dataset holds."""

import inspect
from collections import deque
from collections.abc import Iterator
from functools import partial
from types import FunctionType, MethodType, ModuleType
from typing import Any

import numpy as np
from torch import Tensor

__all__ = ["reachable"]

#: Steps from one object to the next, objects in all, and items of a list or dict: a dataset may hold millions.
MAX_DEPTH, MAX_VISITS, MAX_ITEMS = 12, 20_000, 1_000
_LEAVES = (str, bytes, int, float, complex, type, ModuleType, np.ndarray, np.generic, Tensor)
_LIBRARIES = {"albumentations", "numpy", "PIL", "torch", "torchvision"}
#: Methods of a dataset or transform that may use a global object.
_ENTRIES = ("__getitem__", "__getitems__", "__iter__", "__call__")


def reachable(root: Any, kinds: tuple[type, ...]) -> list[Any]:
    """Objects of these kinds, nearest first, in attributes, containers and functions; not those inside of others found.

    Examples
    --------
    >>> class Data:
    ...     def __init__(self) -> None:
    ...         self.parts = [{"range": range(3)}, self]
    >>> reachable(Data(), (range,))
    [range(0, 3)]
    """
    found: list[Any] = []
    seen = {id(root): root}  # held, so that no identity is used twice
    queue = deque([(root, 0)])
    while queue and len(seen) < MAX_VISITS:
        thing, depth = queue.popleft()
        if isinstance(thing, kinds):
            found.append(thing)
        elif depth < MAX_DEPTH:
            for child in _children(thing):
                if id(child) not in seen and child is not None and not isinstance(child, _LEAVES):
                    seen[id(child)] = child
                    queue.append((child, depth + 1))
    return found


def _children(thing: Any) -> Iterator[Any]:
    if isinstance(thing, dict):
        yield from thing.values() if len(thing) <= MAX_ITEMS else ()
    elif isinstance(thing, (list, tuple, set, frozenset, deque)):
        yield from thing if len(thing) <= MAX_ITEMS else ()
    elif isinstance(thing, partial):
        yield from (thing.func, thing.args, thing.keywords)
    elif isinstance(thing, MethodType):
        yield from (thing.__self__, thing.__func__)
    elif isinstance(thing, FunctionType):
        yield from _used_by(thing)
    else:
        yield from vars(thing).values() if hasattr(thing, "__dict__") else ()
        yield from (getattr(type(thing), name, None) for name in _ENTRIES)


def _used_by(function: FunctionType) -> Iterator[Any]:
    """Objects that a function closes over, has as defaults, or names among globals."""
    if (function.__module__ or "").partition(".")[0] in _LIBRARIES:
        return
    try:
        used = inspect.getclosurevars(function)
    except ValueError:  # a name that has no value yet
        return
    yield from (used.nonlocals, used.globals, function.__defaults__, function.__kwdefaults__)
