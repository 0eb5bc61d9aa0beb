"""A diffusion pipeline that learns the user's classes, and samples and varies images of them.

The pipeline's weights are frozen. A LoRA of its denoiser is learned, and one vector for each class:
a token of the text encoders, a class number of a DiT, or a shift of a DDPM's time embedding.

References
----------
Trabucco et al., "Effective Data Augmentation With Diffusion Models", 2024 (arXiv:2302.07944):
DA-Fusion, which is ``lora_rank=None`` and `vary`.
"""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, Self

import torch
from numpy.typing import ArrayLike
from torch import Tensor

from gen_augment import archive
from gen_augment.data import Rows
from gen_augment.errors import ArchiveError, InputError
from gen_augment.modalities import DataSpec, ImageCodec, Modality
from gen_augment.rng import RandomState
from gen_augment.samplers import generation, persistence
from gen_augment.samplers.diffusion.calls import edit, generate, labels_of, settings_of
from gen_augment.samplers.diffusion.checks import check_params
from gen_augment.samplers.diffusion.families import Family
from gen_augment.samplers.diffusion.images import (
    encode_images,
    from_pipeline,
    in_parts,
    read_mask,
    to_pipeline,
)
from gen_augment.samplers.diffusion.network import AdaptedPipeline
from gen_augment.samplers.diffusion.opening import open_family
from gen_augment.samplers.diffusion.tokens import read_prompts
from gen_augment.samplers.diffusion.training import mean_loss, prior_images, train
from gen_augment.samplers.network import NetworkSampler
from gen_augment.samplers.pretrained.checks import resized
from gen_augment.samplers.pretrained.wrapped import row_seeds
from gen_augment.training import Callback, Loop
from gen_augment.types import JSON

__all__ = ["DiffusersSampler"]


class DiffusersSampler(NetworkSampler):
    """A pipeline of the diffusers library that learns the user's classes.

    Parameters
    ----------
    path : path-like or str
        Folder that a pipeline's `save_pretrained` wrote with safetensors; with `allow_download`,
        also the name of a repository of the Hugging Face Hub.
    allow_download : bool
        Whether `path` may be downloaded. No code of it is ever run, and nothing is unpickled.
    prompts : str, list of str, or dict of label to these
        Texts for text-to-image pipelines; each row takes one of the prompts of its class, by its
        address. ``{}`` stands for the learned token of the class, and for its label where none is
        learned.
    negative_prompt : str, optional
        What images should not show.
    class_map : dict of label to int, optional
        For pipelines with class numbers: the class from which each label is learned. Labels without
        one start at the mean of all classes; with ``max_steps=0``, each label needs one.
    guidance : float, optional
        Strength of classifier-free guidance; None for the pipeline's default.
    num_inference_steps : int
        Number of denoising steps of a new image.
    options : dict, optional
        Further arguments of the pipeline's call, such as ``{"clip_skip": 1}``.
    image_size : int, optional
        Side of the pipeline's images in pixels, of a text-to-image pipeline: a multiple of 8, or of
        16 for Stable Diffusion 3 and Flux; None for the trained size. Rows are resized to and fro.
    lora_rank : int, optional
        Rank of the LoRA; None learns the vectors of the classes only. Needs peft.
    prior_weight : float
        Weight of the loss on images that the pipeline makes before training, as many as there are
        rows, with the label instead of the learned token. Above 0, the pipeline forgets less.
    save_memory : sequence of {"attention_slicing", "cpu_offload", "gradient_checkpointing"}
        What to do to need less memory; each takes more time. "cpu_offload" has an effect on an
        accelerator only, where samples need one part of the pipeline at a time.
    max_steps : int
        Optimiser steps; 0 uses the pipeline as it is.
    batch_size : int
        Images in a step, and in one call of the pipeline.
    lr : float
        Peak learning rate of the LoRA; vectors of classes have five times as much.
    random_state, device, modality, callbacks, verbose
        As in `NetworkSampler`.
    precision : {"32-true", "bf16-mixed", "16-mixed", "auto"}
        Of the frozen weights; what is learned has 32 bits. "auto": 16 on devices made for it.

    Notes
    -----
    Prompts, guidance and the number of inference steps can be changed later by ``set_params``.

    An archive holds what was learned, a few megabytes, and not the pipeline. `load` needs the
    pipeline's folder, and refuses one whose weights have changed.

    Examples
    --------
    >>> import tempfile
    >>> from gen_augment.samplers.diffusion.toy import save_toy_pipeline
    >>> X, y = torch.zeros(4, 16, 16, 3, dtype=torch.uint8), ["cat", "dog", "cat", "dog"]
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     pipeline = save_toy_pipeline(folder)  # random weights; give the folder of real ones
    ...     sampler = DiffusersSampler(
    ...         pipeline, max_steps=2, num_inference_steps=2, random_state=0, device="cpu"
    ...     )
    ...     X_new, y_new = sampler.fit(X, y).sample(y={"cat": 2})
    >>> X_new.shape, y_new
    (torch.Size([2, 16, 16, 3]), ['cat', 'cat'])
    """

    method = "diffusers"
    _streams = False
    min_rows_per_class = 1
    _header_keys: ClassVar[frozenset[str]] = NetworkSampler._header_keys | {"pipeline"}

    network_: AdaptedPipeline

    def __init__(
        self,
        path: str | os.PathLike[str] | None = None,
        *,
        allow_download: bool = False,
        prompts: str | Sequence[str] | Mapping[Any, str | Sequence[str]] | None = None,
        negative_prompt: str | None = None,
        class_map: Mapping[Any, int] | None = None,
        guidance: float | None = None,
        num_inference_steps: int = 50,
        options: Mapping[str, Any] | None = None,
        image_size: int | None = None,
        lora_rank: int | None = 8,
        prior_weight: float = 0.0,
        save_memory: Sequence[str] = (),
        max_steps: int = 1000,
        batch_size: int = 4,
        lr: float = 1e-4,
        random_state: RandomState = None,
        device: str = "auto",
        precision: str = "32-true",
        modality: str | Modality | None = None,
        callbacks: list[Callback] | None = None,
        verbose: bool = False,
    ) -> None:
        super().__init__(
            max_steps=max_steps,
            batch_size=batch_size,
            lr=lr,
            random_state=random_state,
            device=device,
            precision=precision,
            modality=modality,
            callbacks=callbacks,
            verbose=verbose,
        )
        self.path = path
        self.allow_download = allow_download
        self.prompts = prompts
        self.negative_prompt = negative_prompt
        self.class_map = class_map
        self.guidance = guidance
        self.num_inference_steps = num_inference_steps
        self.options = options
        self.image_size = image_size
        self.lora_rank = lora_rank
        self.prior_weight = prior_weight
        self.save_memory = save_memory

    @property
    def latent_shape(self) -> tuple[int, ...]:
        """The noise of a row only seeds its generator, which draws all that the pipeline needs."""
        return (8,)

    def _check_params(self) -> None:
        check_params(self)

    def _read(self, X: Any, y: Any) -> Rows:
        rows = super()._read(X, y)
        if not isinstance(rows.codec, ImageCodec):
            raise InputError(
                f"X holds {rows.modality.name} rows, and {type(self).__name__} makes images: give "
                "images, or another sampler."
            )
        read_prompts(self.prompts, rows.classes.tolist())
        return rows

    def denoising_loss(self, X: Any, y: Any, *, n_times: int = 10) -> float:
        """Return the mean squared error of what the denoiser predicts for noisy versions of images.

        The noise depends on the row numbers alone, so that losses can be compared.

        Parameters
        ----------
        X : images, in the form that was fitted
        y : label or array-like of shape (n,)
        n_times : int
            Times between no noise and noise alone, at equal distances.
        """
        self._check_fitted()
        return mean_loss(self, X, y, n_times)

    # -- Training

    def _training_data(
        self, rows: Rows, seed: int, init: Any, device: torch.device
    ) -> tuple[Tensor, Tensor]:
        """Return latents and class numbers, followed by those of prior images."""
        x, y = super()._training_data(rows, seed, init, device)
        family, digest = open_family(self, rows.classes.tolist())
        family.pipeline.to(device)
        how = settings_of(self, family)
        latents = encode_images(family, x, how.size, device, self.batch_size)
        if self.prior_weight:
            texts = read_prompts(self.prompts, rows.classes.tolist())
            made = prior_images(family, y.tolist(), texts, seed, how, self.batch_size)
            prior = encode_images(family, made * 2 - 1, how.size, device, self.batch_size)
            latents, y = torch.cat([latents, prior]), torch.cat([y, y + len(rows.classes)])
        self._opened = family, digest
        return latents, y

    def _build(self, spec: DataSpec) -> AdaptedPipeline:
        if torch.get_default_device().type == "meta":
            raise RuntimeError("a pipeline has no outline without weights.")
        opened = self.__dict__.pop("_opened", None)
        family, digest = opened or open_family(self, self.classes_.tolist())
        return AdaptedPipeline(family, self.lora_rank, learns=self.max_steps > 0, digest=digest)

    def _fit(self, network: AdaptedPipeline, loop: Loop) -> None:
        network.at(loop.fabric.device)
        texts = read_prompts(self.prompts, self.classes_.tolist())
        train(network, loop, texts, lr=self.lr, prior_weight=float(self.prior_weight))

    # -- Sampling

    def _generate(self, z: Tensor, y: Tensor) -> Tensor:
        family, codes, seeds = self._row_labels(z, y)
        how = settings_of(self, family)
        n, size = len(codes), self.batch_size
        made = in_parts(n, size, lambda part: generate(family, codes[part], seeds[part], how))
        return from_pipeline(made, self.spec_.shape)

    def vary(
        self,
        X: Any,
        y: Any,
        *,
        strength: ArrayLike = 0.5,
        random_state: RandomState = None,
        mask: ArrayLike | None = None,
    ) -> Any:
        """Return new versions of images; see `NetworkSampler.vary`.

        Parameters
        ----------
        X, y, strength, random_state
            As in `NetworkSampler.vary`.
        mask : array-like of shape (H, W) or (n, H, W), bool, optional
            True where images may change. All other pixels stay as they are, at any strength.

        Raises
        ------
        InputError
            As in `NetworkSampler.vary`; or the mask has another form.
        """
        self._check_fitted()
        masks = [] if mask is None else [read_mask(mask, len(X), self.spec_.shape)]
        return generation.vary_rows(self, self._vary, (X, y), strength, random_state, *masks)

    def _vary(
        self, x: Tensor, y: Tensor, z: Tensor, strength: float, mask: Tensor | None = None
    ) -> Tensor:
        family, codes, seeds = self._row_labels(z, y)
        how = settings_of(self, family)
        if int(how.n_steps * strength) < 1:
            return x
        images = to_pipeline(x, family.channels, how.size) / 2 + 0.5
        inside = None if mask is None else resized(mask.float(), (1, *how.size)).round()

        def make(part: slice) -> Tensor:
            where = None if inside is None else inside[part]
            return edit(family, images[part], codes[part], seeds[part], strength, how, where)

        made = from_pipeline(in_parts(len(codes), self.batch_size, make), self.spec_.shape)
        return made if mask is None else torch.where(mask, made, x)

    def _row_labels(self, z: Tensor, y: Tensor) -> tuple[Family, list[Any], list[int]]:
        """Return the family, and the label and the seed of each row."""
        check_params(self)  # parameters may have been changed since `fit`
        offload, seeds = "cpu_offload" in self.save_memory, row_seeds(z)
        family = self.network_.at(z.device, offload=offload)
        texts = read_prompts(self.prompts, self.classes_.tolist())
        return family, labels_of(family, texts, y.tolist(), seeds, learned=True), seeds

    # -- Archives

    @classmethod
    def load(
        cls,
        path: str | os.PathLike[str],
        *,
        device: str = "auto",
        pipeline: str | os.PathLike[str] | None = None,
    ) -> Self:
        """Read a sampler that `save` or a `Checkpoint` wrote.

        Parameters
        ----------
        path : path-like
        device : str
            As in `Sampler.load`.
        pipeline : path-like, optional
            Folder of the pipeline, if it has moved since the sampler was fitted.

        Raises
        ------
        ArchiveError
            The file cannot be used, or the pipeline is missing or has other weights.
        """
        header, tensors = archive.read(path)
        if pipeline is not None and "params" in header:
            header["params"]["path"] = str(pipeline)
        sampler: Self = persistence.rebuild(cls, header, tensors, device, path)
        return sampler

    def _to_archive(self) -> tuple[JSON, dict[str, Tensor]]:
        header, tensors = super()._to_archive()
        folder = Path(self.path or "")  # or the name of a repository
        header["params"]["path"] = str(folder.resolve() if folder.is_dir() else self.path)
        return header | {"pipeline": self.network_.digest}, tensors

    def _restore(self, header: JSON, tensors: dict[str, Tensor], device: str) -> None:
        try:
            self._opened = open_family(self, self.classes_.tolist())
        except InputError as error:
            raise ArchiveError(
                f"the pipeline of this sampler cannot be used: {error} Give its folder with "
                "DiffusersSampler.load(file, pipeline=folder)."
            ) from error
        if self._opened[1] != header["pipeline"]:
            raise ArchiveError(
                f"{self.path} is another pipeline than the one that was fitted: give the folder "
                "with the same weights, with DiffusersSampler.load(file, pipeline=folder)."
            )
        super()._restore(header, tensors, device)
