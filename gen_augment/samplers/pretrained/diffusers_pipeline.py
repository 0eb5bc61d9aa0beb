"""A diffusion pipeline of the diffusers library as a function of noise and class number.

Every pipeline takes a list of random generators, one for each image, and draws all of its noise
from them. So a row's noise ``z`` is not used as the pipeline's latents, whose shape differs between
pipelines. It gives the seed of that row's generator, which draws the latents and the noise of
stochastic schedulers.
"""

import hashlib
import inspect
import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Self

import torch
from torch import Tensor, nn

from gen_augment.errors import InputError, MissingDependencyError
from gen_augment.samplers.pretrained.wrapped import row_seeds
from gen_augment.types import JSON
from gen_augment.validation import check_choice, check_positive_int

__all__ = ["DiffusersGenerator"]

_WEIGHTS, _PICKLES = ".safetensors", (".bin", ".ckpt", ".pkl", ".pt", ".pth")
_TEXTS = (".json", ".model", ".txt")
_LIBRARIES = ("diffusers", "transformers")
_OURS = (
    "class_labels",
    "prompt",
    "generator",
    "num_inference_steps",
    "output_type",
    "image",
    "strength",
)


class DiffusersGenerator(nn.Module):
    """``(z, y) -> images`` of shape (B, C, H, W) in [0, 1].

    Copies share one pipeline. It is pickled as its path.

    Parameters
    ----------
    path : path-like
        Folder that `save_pretrained` has written.
    texts : tuple of str or None
        The prompt of each class number, for text-to-image pipelines.
    num_inference_steps : int
    options : dict
        Further keyword arguments of the pipeline's call.
    dtype : {"float32", "float16", "bfloat16"}
    """

    #: Large enough to give every row its own seed.
    latent_shape = (8,)

    def __init__(
        self,
        path: str | os.PathLike[str],
        texts: tuple[str, ...] | None,
        num_inference_steps: int,
        options: JSON,
        dtype: str,
    ) -> None:
        super().__init__()
        check_positive_int("num_inference_steps", num_inference_steps)
        check_choice("dtype", dtype, ("float32", "float16", "bfloat16"))
        self.path = Path(path).absolute()
        self.texts, self.n_steps = texts, num_inference_steps
        self.options, self.dtype = options, dtype
        for label, text in enumerate(texts or ()):
            if not isinstance(text, str):
                raise InputError(
                    f"prompts has {text!r} at position {label}: give a text for each label."
                )
        given = _load(self.path)
        takes = _arguments(given)
        # Pipelines of a family share their modules, so both take the memory of one.
        self._pipeline = _sibling(given, "AutoPipelineForText2Image") if "image" in takes else given
        self._varying = (
            given
            if {"image", "strength"} <= takes
            else _sibling(given, "AutoPipelineForImage2Image")
        )
        self._check_call(type(given).__name__)
        parts = {
            name: part for name, part in given.components.items() if isinstance(part, nn.Module)
        }
        self.parts = nn.ModuleDict(parts).to(getattr(torch, dtype))

    def forward(self, z: Tensor, y: Tensor) -> Tensor:
        """Return images of these classes."""
        takes = _arguments(self._pipeline)
        more = {"batch_size": len(z)} if {"batch_size", "class_labels"} <= takes else {}
        return self._call(self._pipeline, z, y, more)

    @property
    def varies(self) -> bool:
        """Whether there is an image-to-image pipeline."""
        return self._varying is not None

    def vary(self, x: Tensor, y: Tensor, z: Tensor, strength: float) -> Tensor:
        """Return images like `x`, in [0, 1]; `x` itself if `strength` is too small for one step."""
        if int(self.n_steps * strength) < 1:
            return x
        return self._call(
            self._varying, z, y, {"image": x.to(getattr(torch, self.dtype)), "strength": strength}
        )

    def check_numbers(self, class_map: Mapping[Any, int]) -> None:
        """Raise for a class number out of range, which would break CUDA for the whole process."""
        for part in self.parts.values():
            config: Any = part.config
            n = config.get("num_embeds_ada_norm") or config.get("num_class_embeds")
            for label, number in class_map.items():
                if n and isinstance(number, int) and number >= n:
                    raise InputError(
                        f"class_map[{label!r}]={number}, but {self.path} has the classes 0 to "
                        f"{n - 1}."
                    )

    def fingerprint(self) -> str:
        """Hash the weights and configurations in the folder, and the arguments of the call."""
        described = [self.texts, self.n_steps, self.options, self.dtype]
        digest = hashlib.blake2b(
            json.dumps(described, sort_keys=True, default=repr).encode(), digest_size=16
        )
        for file in sorted(self.path.rglob("*")):
            if file.suffix in (_WEIGHTS, *_TEXTS) and not file.name.startswith("."):
                digest.update(file.relative_to(self.path).as_posix().encode())
                with file.open("rb") as opened:
                    digest.update(hashlib.file_digest(opened, "blake2b").digest())
        return digest.hexdigest()

    def __deepcopy__(self, memo: Any) -> Self:
        return self

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.path, self.texts, self.n_steps, self.options, self.dtype)

    def _call(self, pipeline: Any, z: Tensor, y: Tensor, more: JSON) -> Tensor:
        numbers = y.tolist()
        what = (
            {"class_labels": numbers}
            if self.texts is None
            else {"prompt": [self.texts[n] for n in numbers]}
        )
        rows = [torch.Generator().manual_seed(seed) for seed in row_seeds(z)]
        steps = {"generator": rows, "num_inference_steps": self.n_steps, "output_type": "pt"}
        result = pipeline(**(what | more | steps | self.options))
        if any(getattr(result, "nsfw_content_detected", None) or ()):
            raise InputError(
                f"the safety checker of {self.path} has blanked an image of {what}: give another "
                "prompt, or use another pipeline."
            )
        images: Tensor = result.images
        return images

    def _check_call(self, name: str) -> None:
        takes = _arguments(self._pipeline)
        words = {"class_labels": "class_map", "prompt": "prompts"}
        wanted = "class_labels" if self.texts is None else "prompt"
        if self._pipeline is None or not {wanted, "generator", "num_inference_steps"} <= takes:
            usable = [words[argument] for argument in words if {argument, "generator"} <= takes]
            remedy = f"a {name} cannot be used here."
            if usable:
                remedy = f"give {' or '.join(usable)} instead."
            raise InputError(
                f"{self.path} holds a pipeline that takes no {wanted}, which {words[wanted]} "
                f"needs: {remedy}"
            )
        for option in self.options:
            if option in _OURS or option not in takes:
                raise InputError(
                    f"options has {option!r}, which {name} does not take or which is set already."
                )


def _load(path: Path) -> Any:
    """Load the pipeline in a folder, with classes of diffusers and transformers only."""
    try:
        import diffusers
    except ImportError as error:
        raise MissingDependencyError(
            "a diffusion pipeline needs diffusers: pip install 'gen_augment[diffusers]'."
        ) from error
    _check_folder(path, diffusers)
    with _quiet(diffusers):
        try:
            kind: Any = diffusers.DiffusionPipeline
            pipeline = kind.from_pretrained(str(path), local_files_only=True, use_safetensors=True)
        except Exception as error:  # a damaged file can raise anything in any library
            raise InputError(
                f"{path} cannot be loaded as a pipeline: {type(error).__name__}: {error}"
            ) from error
    pipeline.set_progress_bar_config(disable=True)
    return pipeline


def _check_folder(path: Path, diffusers: Any) -> None:
    """Raise for a folder without a pipeline, or with scripts, pickles or foreign classes."""
    index = path / "model_index.json"
    if not index.is_file():
        raise InputError(
            f"{path} is not a folder with a model_index.json: give one that a pipeline's "
            "save_pretrained has written. Nothing is downloaded."
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
        shards = [str(shard) for shard in _read(file).get("weight_map", {}).values()]
        if "safetensors" in file.name and any(
            not s.endswith(_WEIGHTS) or Path(s).name != s for s in shards
        ):
            raise InputError(f"{file} refers to files that are not safetensors in its folder.")
    record = _read(index)
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


def _read(file: Path) -> JSON:
    try:
        record = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InputError(f"{file} cannot be read as JSON: {error}") from error
    if not isinstance(record, dict):
        raise InputError(f"{file} holds a {type(record).__name__}, not a JSON object.")
    return record


def _arguments(pipeline: Any) -> set[str]:
    return set() if pipeline is None else set(inspect.signature(pipeline.__call__).parameters)


def _sibling(pipeline: Any, family: str) -> Any:
    """Return the pipeline of another family with the same modules; None if there is none."""
    import diffusers

    with _quiet(diffusers):
        try:
            other: Any = getattr(diffusers, family).from_pipe(pipeline)
        except ValueError:
            return None
    other.set_progress_bar_config(disable=True)
    return other


@contextmanager
def _quiet(diffusers: Any) -> Iterator[None]:
    """Hide the progress bars of diffusers while files are read."""
    shown = diffusers.utils.logging.is_progress_bar_enabled()
    diffusers.utils.logging.disable_progress_bar()
    try:
        yield
    finally:
        if shown:
            diffusers.utils.logging.enable_progress_bar()
