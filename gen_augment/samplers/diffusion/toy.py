"""A Stable Diffusion of random weights and 300 kB, to try out code before using real weights."""

import json
import os
from pathlib import Path
from typing import Any

import torch

from gen_augment.rng import fork_rng
from gen_augment.samplers.diffusion.folder import import_diffusers, quiet

__all__ = ["save_toy_pipeline", "toy_autoencoder", "toy_text_encoder"]


def save_toy_pipeline(folder: str | os.PathLike[str], *, width: int = 8, size: int = 16) -> Path:
    """Write a small Stable Diffusion pipeline with random weights; its images are noise.

    Parameters
    ----------
    folder : path-like
        It is created, and a pipeline in it is overwritten.
    width : int
        Channels of the networks, a multiple of 4.
    size : int
        Side of the images in pixels, a multiple of 4.

    Returns
    -------
    Path
        The folder.

    Raises
    ------
    MissingDependencyError
        diffusers or transformers is not installed.
    """
    diffusers = import_diffusers()
    folder = Path(folder)
    with fork_rng(0, torch.device("cpu")):
        encoder, tokenizer = toy_text_encoder(folder, width)
        unet = diffusers.UNet2DConditionModel(
            sample_size=size // 2,
            in_channels=4,
            out_channels=4,
            layers_per_block=1,
            block_out_channels=(width, 2 * width),
            norm_num_groups=4,
            down_block_types=("CrossAttnDownBlock2D", "DownBlock2D"),
            up_block_types=("UpBlock2D", "CrossAttnUpBlock2D"),
            cross_attention_dim=4 * width,
            attention_head_dim=4,
        )
        vae = toy_autoencoder(width, size)
    pipeline = diffusers.StableDiffusionPipeline(
        vae=vae,
        text_encoder=encoder,
        tokenizer=tokenizer,
        unet=unet,
        scheduler=diffusers.DDIMScheduler(
            beta_schedule="scaled_linear", clip_sample=False, steps_offset=1
        ),
        safety_checker=None,
        feature_extractor=None,
        requires_safety_checker=False,
    )
    with quiet():
        pipeline.save_pretrained(folder, safe_serialization=True)
    return folder


def toy_autoencoder(width: int, size: int, latent_channels: int = 4) -> Any:
    """Return an autoencoder of random weights, whose latents have half the side."""
    import diffusers

    kind: Any = diffusers.AutoencoderKL
    return kind(
        in_channels=3,
        out_channels=3,
        down_block_types=("DownEncoderBlock2D",) * 2,
        up_block_types=("UpDecoderBlock2D",) * 2,
        block_out_channels=(width, width),
        layers_per_block=1,
        latent_channels=latent_channels,
        norm_num_groups=4,
        sample_size=size,
    )


def toy_text_encoder(folder: Path, width: int, *, projected: bool = False) -> tuple[Any, Any]:
    """Return a CLIP text encoder of random weights, and a tokenizer of single letters.

    Parameters
    ----------
    folder : Path
        Receives the vocabulary.
    width : int
    projected : bool
        Whether it returns a projection of the pooled text, as those of Stable Diffusion XL do.
    """
    import transformers

    letters = [chr(code) for code in range(32, 127)]
    words = [*letters, *(f"{letter}</w>" for letter in letters), "<|startoftext|>", "<|endoftext|>"]
    folder.mkdir(parents=True, exist_ok=True)
    files = folder / "vocab.json", folder / "merges.txt"
    files[0].write_text(json.dumps({word: number for number, word in enumerate(words)}))
    files[1].write_text("#version: 0.2\n")
    tokenizer = transformers.CLIPTokenizer(*map(str, files), model_max_length=32)
    for file in files:
        file.unlink()
    config = transformers.CLIPTextConfig(
        vocab_size=len(words),
        hidden_size=4 * width,
        intermediate_size=4 * width,
        num_hidden_layers=1,
        num_attention_heads=2,
        projection_dim=4 * width,
        max_position_embeddings=32,
        bos_token_id=len(words) - 2,
        eos_token_id=len(words) - 1,
        pad_token_id=len(words) - 1,
    )
    name = "CLIPTextModelWithProjection" if projected else "CLIPTextModel"
    return getattr(transformers, name)(config), tokenizer
