"""Samplers on the Hugging Face Hub, or in a folder that has the same files.

A repository holds `ARCHIVE`, the file that `Sampler.save` writes, ``audit.json`` if there is an
audit, and a model card as ``README.md``. Only the archive is read back: safetensors and JSON,
checked like any other archive.
"""

import re
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from gen_augment.archive import check_writable, write_bytes
from gen_augment.errors import ArchiveError, InputError, MissingDependencyError
from gen_augment.samplers.model_card import model_card

__all__ = ["ARCHIVE", "PREFIX", "download", "find_archive", "push_to_hub", "save_folder"]

#: Name of the archive in a repository, and what comes before the name of a repository.
ARCHIVE, PREFIX = "sampler.safetensors", "hub:"
#: ``owner/name`` or ``name``.
_REPOSITORY = re.compile(r"(?:[A-Za-z0-9][\w.-]*/)?[A-Za-z0-9][\w.-]*")


def push_to_hub(
    sampler: Any,
    repo_id: str,
    *,
    audit: Any = None,
    license: str | None = None,  # noqa: A002 # the word of the hub
    private: bool = False,
    revision: str | None = None,
    token: str | None = None,
) -> str:
    """Upload the sampler and a model card to a repository of the Hugging Face Hub.

    The repository is created if it does not exist. `load_sampler` reads it with
    ``load_sampler("hub:owner/name")``.

    Parameters
    ----------
    repo_id : str
        ``"owner/name"``.
    audit : Audit, optional
        The result of `gen_augment.audit`, whose figures and findings the card shows.
    license : str, optional
        Name of the licence of the sampler, such as "cc-by-4.0", for the card.
    private : bool
        Whether a new repository is private.
    revision : str, optional
        Branch to upload to; the main branch by default.
    token : str, optional
        Token of the hub; by default that of ``hf auth login``.

    Returns
    -------
    str
        Address of the commit.

    Raises
    ------
    InputError
        `repo_id` is no name of a repository.
    NotFittedError
        The sampler is not fitted.
    ArchiveError
        The sampler cannot be saved, or the hub refuses the upload.
    MissingDependencyError
        huggingface_hub is not installed.

    Examples
    --------
    >>> from sklearn.datasets import load_wine
    >>> from gen_augment import KDESampler
    >>> sampler = KDESampler().fit(*load_wine(return_X_y=True))
    >>> sampler.push_to_hub("no such/name")
    Traceback (most recent call last):
    gen_augment.errors.InputError: repo_id='no such/name' is no name of a repository: give
    "owner/name", of letters, digits, ".", "_" and "-".
    """
    sampler._check_fitted()
    repo_id = _check_name("repo_id", repo_id)
    if not (revision is None or isinstance(revision, str)):
        raise InputError(f"revision={revision!r} is no name: give a branch.")
    hub = _hub()
    with tempfile.TemporaryDirectory() as folder, _hub_errors(hub, repo_id, revision):
        save_folder(sampler, folder, audit=audit, license=license, repo_id=repo_id)
        api = hub.HfApi(token=token)
        api.create_repo(repo_id, private=private, exist_ok=True)
        if revision is not None:
            api.create_branch(repo_id, branch=revision, exist_ok=True)
        commit = api.upload_folder(
            repo_id=repo_id,
            folder_path=folder,
            revision=revision,
            commit_message=f"Upload {type(sampler).__name__}",
        )
    return str(commit.commit_url)


def save_folder(
    sampler: Any,
    folder: str | Path,
    *,
    audit: Any = None,
    license: str | None = None,  # noqa: A002
    repo_id: str = "",
) -> Path:
    """Write what `push_to_hub` uploads into a folder, which `load_sampler` reads as well.

    Parameters
    ----------
    sampler : fitted sampler
    folder : path-like
        It is created if it does not exist.
    audit, license, repo_id
        As in `push_to_hub`.

    Returns
    -------
    Path
        The folder.

    Raises
    ------
    ArchiveError
        The folder cannot be written, or the sampler cannot be saved.

    Examples
    --------
    >>> import tempfile
    >>> from sklearn.datasets import load_wine
    >>> from gen_augment import KDESampler, load_sampler
    >>> sampler = KDESampler().fit(*load_wine(return_X_y=True))
    >>> folder = save_folder(sampler, tempfile.mkdtemp(), license="cc-by-4.0")
    >>> sorted(path.name for path in folder.iterdir())
    ['README.md', 'sampler.safetensors']
    >>> load_sampler(folder).classes_.tolist()
    [0, 1, 2]
    """
    sampler._check_fitted()
    _check_audit(sampler, audit)
    folder = Path(folder)
    check_writable(folder / ARCHIVE)
    sampler.save(folder / ARCHIVE)
    card = model_card(sampler, audit=audit, license=license, repo_id=repo_id)
    write_bytes(folder / "README.md", card.encode())
    if audit is not None:
        audit.to_json(folder / "audit.json")
    return folder


def _check_audit(sampler: Any, audit: Any) -> None:
    if audit is None:
        return
    if not hasattr(audit, "to_json"):
        raise InputError(f"audit is a {type(audit).__name__}: give what audit(sampler, ...) found.")
    if getattr(sampler, "privacy_", None) is not None:
        raise InputError(
            "an audit compares with the real rows, so it is not private: leave audit out. The card "
            "names the guarantee."
        )


def download(name: str, revision: str | None, token: str | None = None) -> Path:
    """Download the archive of a repository, and return its place in the hub's cache.

    Raises
    ------
    InputError
        `name` is no name of a repository.
    ArchiveError
        There is no such repository or revision, or it holds no archive or several.
    MissingDependencyError
        huggingface_hub is not installed.
    """
    name = _check_name("hub:", name)
    hub = _hub()
    with _hub_errors(hub, name, revision):
        api = hub.HfApi(token=token)
        files = api.list_repo_files(name, revision=revision)
        chosen = _choose(files, f"the repository {name}")
        found: str = api.hf_hub_download(name, chosen, revision=revision)
    return Path(found)


def find_archive(folder: Path) -> Path:
    """Return the archive of a folder that `save_folder` wrote."""
    files = [path.name for path in folder.iterdir() if path.is_file()]
    return folder / _choose(files, f"{folder} is not a file, and the folder")


def _choose(files: list[str], where: str) -> str:
    """Return the archive among the files at the top of a repository."""
    found = sorted(name for name in files if re.fullmatch(r"[\w][\w. -]*\.safetensors", name))
    if ARCHIVE in found:
        return ARCHIVE
    if len(found) != 1:
        names = f"several archives ({', '.join(found[:5])})" if found else "no .safetensors file"
        raise ArchiveError(
            f"{where} holds {names}: one {ARCHIVE} is needed, as push_to_hub writes."
        )
    return found[0]


def _check_name(what: str, name: Any) -> str:
    valid = isinstance(name, str) and _REPOSITORY.fullmatch(name) and len(name) <= 96
    if not valid or ".." in name or "--" in name or name.endswith((".git", ".ipynb", ".", "-")):
        raise InputError(
            f'{what}={name!r} is no name of a repository: give "owner/name", of letters, digits, '
            '".", "_" and "-".'
        )
    return str(name)


def _hub() -> Any:
    try:
        import huggingface_hub
        import huggingface_hub.errors  # older versions do not import it by themselves
    except ImportError as error:
        raise MissingDependencyError(
            "the Hugging Face Hub needs huggingface_hub: pip install 'gen_augment[hub]'."
        ) from error
    return huggingface_hub


@contextmanager
def _hub_errors(hub: Any, name: str, revision: str | None) -> Iterator[None]:
    """Turn the errors of the hub and of the network into `ArchiveError`."""
    errors = hub.errors
    try:
        yield
    except errors.RevisionNotFoundError as error:
        raise ArchiveError(
            f"the repository {name} has no revision {revision!r}: give a branch, a tag or a commit."
        ) from error
    except errors.RepositoryNotFoundError as error:  # also if it is private, and no token is given
        raise ArchiveError(
            f"the hub has no repository {name}, or it is private: check the name, and log in with "
            "hf auth login."
        ) from error
    except (errors.HfHubHTTPError, errors.HTTPError, OSError) as error:
        raise ArchiveError(f"the hub did not serve the repository {name}: {error}") from error
