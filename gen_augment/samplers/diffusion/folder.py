"""Diffusion pipelines from folders, as `save_pretrained` of diffusers writes them.

Nothing is unpickled, no code in a folder is run, and only classes of diffusers and transformers
are loaded. Nothing is downloaded unless the user allows it.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch

from gen_augment.archive import digest_of_files, read_json
from gen_augment.errors import InputError, MissingDependencyError

__all__ = ["digest_of", "find_folder", "import_diffusers", "load_pipeline", "quiet", "sibling"]

_WEIGHTS, _PICKLES = ".safetensors", (".bin", ".ckpt", ".pkl", ".pt", ".pth")
_TEXTS = (".json", ".model", ".txt")
_LIBRARIES = ("diffusers", "transformers")


def find_folder(path: Any, *, allow_download: bool = False) -> Path:
    """Return the folder of a pipeline; with `allow_download`, a copy of one of the hub.

    Parameters
    ----------
    path : path-like or str
        A folder, or the name of a repository of the Hugging Face Hub, such as ``"owner/name"``.
    allow_download : bool
        Whether a repository may be downloaded into the cache of huggingface_hub.

    Raises
    ------
    InputError
        `path` is no folder and may not be downloaded, or the hub has no such pipeline.
    MissingDependencyError
        diffusers is not installed.
    """
    if not isinstance(path, (str, os.PathLike)):
        raise InputError(
            f"path is a {type(path).__name__}: give the folder that its "
            "save_pretrained(folder, safe_serialization=True) writes."
        )
    folder = Path(path)
    if folder.is_dir() or not allow_download:
        return folder
    diffusers = import_diffusers()
    with quiet():
        try:
            found = diffusers.DiffusionPipeline.download(str(path), use_safetensors=True)
        except Exception as error:  # the hub, its client or the network may raise anything
            raise InputError(
                f"path={str(path)!r} is no folder and cannot be downloaded: "
                f"{type(error).__name__}: {error}"
            ) from error
    return Path(found)


def load_pipeline(folder: Path, dtype: torch.dtype) -> Any:
    """Load the pipeline in a folder, without gradients.

    Raises
    ------
    InputError
        The folder has no pipeline, a damaged one, pickled weights or code.
    MissingDependencyError
        diffusers is not installed.
    """
    diffusers = import_diffusers()
    _check_folder(folder, diffusers)
    with quiet():
        try:
            pipeline = diffusers.DiffusionPipeline.from_pretrained(
                str(folder), local_files_only=True, use_safetensors=True, **_precision(dtype)
            )
        except Exception as error:  # a damaged file can raise anything in any library
            raise InputError(
                f"{folder} cannot be loaded as a pipeline: {type(error).__name__}: {error}"
            ) from error
    pipeline.set_progress_bar_config(disable=True)
    for part in pipeline.components.values():
        if isinstance(part, torch.nn.Module):
            part.requires_grad_(False).eval()
    vae: Any = getattr(pipeline, "vae", None)
    if dtype == torch.float32 and vae is not None and vae.config.get("force_upcast"):
        vae.register_to_config(force_upcast=False)  # each cast logs a warning, also of 32 to 32
    return pipeline


def digest_of(folder: Path) -> str:
    """Hash the weights and configurations in a folder."""
    deciding = [
        file
        for file in sorted(folder.rglob("*"))
        if file.suffix in (_WEIGHTS, *_TEXTS) and not file.name.startswith(".")
    ]
    return digest_of_files(folder, deciding)


def sibling(pipeline: Any, family: str) -> Any:
    """Return the pipeline of another family with the same modules; None if there is none.

    Parameters
    ----------
    pipeline : DiffusionPipeline
    family : str
        Such as ``"AutoPipelineForImage2Image"``.
    """
    diffusers = import_diffusers()
    with quiet():
        try:
            other: Any = getattr(diffusers, family).from_pipe(pipeline)
        except ValueError:
            return None
    other.set_progress_bar_config(disable=True)
    return other


def _precision(dtype: torch.dtype) -> dict[str, torch.dtype]:
    """Return the argument of `from_pretrained` that says the precision."""
    from diffusers.pipelines import pipeline_utils

    is_new = hasattr(pipeline_utils, "_resolve_dtype")  # the older name warns there
    return {"dtype" if is_new else "torch_dtype": dtype}


def import_diffusers() -> Any:
    """Return the module, or raise `MissingDependencyError`."""
    try:
        import diffusers
        import transformers  # noqa: F401
    except ImportError as error:
        raise MissingDependencyError(
            "a diffusion pipeline needs diffusers: pip install 'gen_augment[diffusers]'."
        ) from error
    return diffusers


def _check_folder(path: Path, diffusers: Any) -> None:
    """Raise for a folder without a pipeline, or with scripts, pickles or foreign classes."""
    index = path / "model_index.json"
    if not index.is_file():
        raise InputError(
            f"{path} is not a folder with a model_index.json: give one that a pipeline's "
            "save_pretrained has written. Nothing is downloaded without allow_download=True."
        )
    scripts = sorted(file.relative_to(path).as_posix() for file in path.rglob("*.py"))
    if scripts:
        raise InputError(
            f"{path} holds code, such as {scripts[0]!r}, which is never run: remove it."
        )
    for folder in sorted({file.parent for file in path.rglob("*") if file.suffix in _PICKLES}):
        if not any(file.suffix == _WEIGHTS for file in folder.iterdir()):
            raise InputError(
                f"{folder} holds weights only as pickles, which are never loaded: convert them, "
                "for example with save_pretrained(..., safe_serialization=True) if you trust them."
            )
    for file in sorted(path.rglob("*.index*.json")):
        shards = [str(shard) for shard in read_json(file).get("weight_map", {}).values()]
        if "safetensors" in file.name and any(
            not s.endswith(_WEIGHTS) or Path(s).name != s for s in shards
        ):
            raise InputError(f"{file} refers to files that are not safetensors in its folder.")
    _check_classes(index, diffusers)


def _check_classes(index: Path, diffusers: Any) -> None:
    record = read_json(index)
    name = record.get("_class_name")
    if not isinstance(name, str) or not hasattr(diffusers, name):
        raise InputError(
            f"{index} needs the class {name!r}, which diffusers {diffusers.__version__} does not "
            "have."
        )
    for part, value in record.items():
        if part.startswith("_") or not isinstance(value, list) or value[:1] == [None]:
            continue
        known = value and (value[0] in _LIBRARIES or hasattr(diffusers.pipelines, str(value[0])))
        if not known or not part.isidentifier():
            raise InputError(
                f"{index} needs {part!r} from {value!r}: only classes of diffusers and "
                "transformers are loaded."
            )


@contextmanager
def quiet() -> Iterator[None]:
    """Hide the progress bars of diffusers and transformers while files are read or written."""
    import diffusers
    import transformers

    logs = [diffusers.utils.logging, transformers.utils.logging]
    shown = [log for log in logs if log.is_progress_bar_enabled()]
    for log in shown:
        log.disable_progress_bar()
    try:
        yield
    finally:
        for log in shown:
            log.enable_progress_bar()
