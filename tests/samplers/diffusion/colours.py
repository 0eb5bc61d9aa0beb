"""A small DiT that was trained on images of eight colours, one for each of its first classes."""

from pathlib import Path

import torch

from gen_augment.samplers.diffusion.folder import quiet
from gen_augment.samplers.diffusion.toy import toy_autoencoder

SIDES = torch.tensor([[x, y, z] for x in (1, -1) for y in (-1, 1) for z in (-1, 1)])


def save_colour_pipeline(folder: Path) -> Path:
    """Train for some seconds, and write the pipeline."""
    import diffusers

    torch.manual_seed(0)
    codes = torch.randint(8, (512,))
    x = (0.8 * SIDES[codes][:, :, None, None] + 0.1 * torch.randn(512, 3, 8, 8)).clamp(-1, 1)
    vae = toy_autoencoder(8, 8)
    optimizer = torch.optim.Adam(vae.parameters(), 3e-3)
    for _ in range(150):
        batch = x[torch.randint(512, (16,))]
        z = vae.encode(batch).latent_dist.mode()
        made = vae.decode(z + 0.1 * torch.randn_like(z)).sample
        loss = (made - batch).square().mean() + 1e-3 * z.square().mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    with torch.no_grad():
        latents = vae.encode(x).latent_dist.mode()
    vae.register_to_config(scaling_factor=1 / float(latents.std()))
    latents /= latents.std()
    transformer = diffusers.DiTTransformer2DModel(
        sample_size=4, num_layers=2, patch_size=2, attention_head_dim=8, num_attention_heads=4,
        in_channels=4, out_channels=4, attention_bias=True, activation_fn="gelu-approximate",
        num_embeds_ada_norm=1000, norm_type="ada_norm_zero", norm_elementwise_affine=False,
    )  # fmt: skip
    beta = {"beta_schedule": "scaled_linear", "clip_sample": False}
    noising = diffusers.DDPMScheduler(**beta)
    optimizer = torch.optim.Adam(transformer.parameters(), 2e-3)
    for _ in range(300):
        rows, t = torch.randint(512, (32,)), torch.randint(1000, (32,))
        z, noise = latents[rows], torch.randn(32, 4, 4, 4)
        made = transformer(
            noising.add_noise(z, noise, t), timestep=t, class_labels=codes[rows]
        ).sample
        loss = (made - noise).square().mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    pipeline = diffusers.DiTPipeline(
        transformer, vae, diffusers.DDIMScheduler(**beta, steps_offset=1)
    )
    with quiet():
        pipeline.save_pretrained(folder, safe_serialization=True)
    return folder
