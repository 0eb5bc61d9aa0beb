"""Training of the adapters of a pipeline, and the images that preserve what it knows.

References
----------
Ruiz et al., "DreamBooth: Fine Tuning Text-to-Image Diffusion Models for Subject-Driven
Generation", 2023 (arXiv:2208.12242): prior preservation.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from gen_augment.rng import derive_seed, normal
from gen_augment.samplers import generation
from gen_augment.samplers.diffusion.calls import Settings, generate, labels_of, settings_of
from gen_augment.samplers.diffusion.families import Family
from gen_augment.samplers.diffusion.images import encode_images, in_parts
from gen_augment.samplers.diffusion.network import AdaptedPipeline
from gen_augment.training import Loop
from gen_augment.types import Batch

__all__ = ["mean_loss", "prior_images", "train"]

#: Vectors of classes are trained at this multiple of the learning rate of the LoRA.
VECTOR_SHARE = 5.0


def prior_images(
    family: Family,
    codes: Sequence[int],
    templates: Sequence[Sequence[str]],
    seed: int,
    how: Settings,
    batch_size: int,
) -> Tensor:
    """Return an image (C, H, W) in [0, 1] of the untrained pipeline for each class number."""
    seeds = [derive_seed(seed, "prior", row) for row in range(len(codes))]
    labels = labels_of(family, templates, codes, seeds, learned=False)
    return in_parts(
        len(codes), batch_size, lambda part: generate(family, labels[part], seeds[part], how)
    )


def mean_loss(sampler: Any, X: Any, y: Any, n_times: int) -> float:
    """Return the denoising loss of images by a `DiffusersSampler`; see its `denoising_loss`."""
    rows = generation.encode_known(sampler.codec_, X)
    codes = torch.from_numpy(sampler.label_codec_.encode_rows(y, len(rows)))
    device, size = generation.usable_device(sampler), sampler.batch_size
    z = normal(np.arange(len(rows)), sampler.latent_shape, 0)
    family, labels, _ = sampler._row_labels(z.to(device), codes)
    x = encode_images(family, rows, settings_of(sampler, family).size, device, size)
    noise = normal(np.arange(len(x)), (n_times, *x.shape[1:]), 0).to(device)
    total = 0.0
    for start in range(0, len(x), size):
        here = slice(start, start + size)
        losses = sampler.network_.row_losses(x[here], labels[here], noise[here], n_times)
        total += float(losses.sum())
    return total / len(x)


def train(
    network: AdaptedPipeline,
    loop: Loop,
    templates: list[list[str]],
    *,
    lr: float,
    prior_weight: float,
) -> None:
    """Train what a pipeline learns on the latents and class numbers of `loop`."""
    network.templates, network.prior_weight = templates, prior_weight
    groups = [
        {"params": list(network.lora.values()), "lr": lr},
        {"params": list(network.vectors.values()), "lr": VECTOR_SHARE * lr},
    ]
    groups = [group for group in groups if group["params"]]
    if not groups:
        loop.run(lambda batch: {})
        return
    optimizer = torch.optim.AdamW(groups, weight_decay=0.0)
    model, optimizer = loop.setup(network, optimizer)

    def step(batch: Batch) -> dict[str, Tensor]:
        optimizer.zero_grad()
        loss = model(*batch)
        loop.fabric.backward(loss)
        optimizer.step()
        return {"loss": loss}

    network.in_training = True
    try:
        loop.run(step)
    finally:
        network.in_training = False
