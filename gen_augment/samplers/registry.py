"""The samplers that are known by name: to the command line, to studies and to `load_sampler`."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar

from gen_augment import archive
from gen_augment.errors import ArchiveError, InputError
from gen_augment.samplers.base import Sampler
from gen_augment.samplers.hub import PREFIX, download, find_archive

__all__ = ["SAMPLERS", "find_class", "load_sampler", "register_sampler", "set_known"]

S = TypeVar("S", bound=type[Sampler])

#: Sampler classes by the short name that the command line and studies use.
SAMPLERS: dict[str, type[Sampler]] = {}


def register_sampler(cls: S) -> S:
    """Make a sampler known by its name, the class attribute `method`; usable as a decorator.

    Parameters
    ----------
    cls : subclass of Sampler
        Its `method` is a word without ":" and "+", which separate the words of a study's arms.

    Returns
    -------
    cls

    Raises
    ------
    InputError
        The name cannot be used, or another sampler has it.

    Examples
    --------
    >>> from gen_augment import BootstrapSampler
    >>> @register_sampler
    ... class MySampler(BootstrapSampler):
    ...     method = "mine"
    >>> SAMPLERS.pop("mine").__name__
    'MySampler'
    """
    name = cls.method
    if not name or set(name) & set(":+ "):
        raise InputError(f"{cls.__name__}.method={name!r}: give it a word without ':' and '+'.")
    for other, known in SAMPLERS.items():
        if (other == name or known.__name__ == cls.__name__) and known is not cls:
            raise InputError(
                f"{cls.__name__} cannot be registered as {name!r}: {other!r} is "
                f"{known.__module__}.{known.__name__}. Give it another name."
            )
    SAMPLERS[name] = cls
    return cls


def load_sampler(
    path: str | os.PathLike[str], *, device: str = "auto", revision: str | None = None
) -> Sampler:
    """Read a sampler of any registered class.

    Parameters
    ----------
    path : path-like or str
        File that `Sampler.save` or a `Checkpoint` wrote; a folder that `save_folder` wrote; or
        ``"hub:owner/name"``, a repository of the Hugging Face Hub that `Sampler.push_to_hub` wrote.
        Private repositories need the token of ``hf auth login``.
    device : str
        Where networks are put: "auto", "cpu", "cuda", "cuda:1", ...
    revision : str, optional
        Branch, tag or commit of a repository of the hub.

    Raises
    ------
    ArchiveError
        The file cannot be used, its class is not registered, or the hub has no such repository.
    InputError
        The name of the repository is not valid, or a file is given with a revision.
    MissingDependencyError
        The hub is named, and huggingface_hub is not installed.
    """
    if not (revision is None or isinstance(revision, str)):
        raise InputError(f"revision={revision!r} is no name: give a branch, a tag or a commit.")
    if isinstance(path, str) and path.startswith(PREFIX):
        path = download(path.removeprefix(PREFIX), revision)
    elif revision is not None:
        raise InputError(
            f"revision={revision!r} is for repositories of the hub, such as 'hub:a/b'."
        )
    elif Path(path).is_dir():
        path = find_archive(Path(path))
    name = archive.read(path, with_tensors=False)[0].get("class")
    return find_class(name, path).load(path, device=device)


def find_class(name: Any, path: str | os.PathLike[str]) -> type[Sampler]:
    """Return the registered class that the archive `path` names, or raise `ArchiveError`."""
    for cls in SAMPLERS.values():
        if cls.__name__ == name:
            return cls
    known = ", ".join(cls.__name__ for cls in SAMPLERS.values())
    raise ArchiveError(
        f"{path} holds a {name!r}, which is not registered (known: {known}): import the module "
        "that registers it with register_sampler."
    )


def set_known(sampler: Any, settings: Mapping[str, Any]) -> Any:
    """Set those parameters that a sampler has; return it.

    Examples
    --------
    >>> from gen_augment import KDESampler
    >>> set_known(KDESampler(), {"random_state": 3, "max_steps": 5}).random_state
    3
    """
    known = sampler.get_params(deep=False)
    return sampler.set_params(**{name: settings[name] for name in settings if name in known})
