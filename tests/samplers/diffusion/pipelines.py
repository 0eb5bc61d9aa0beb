"""Small random pipelines of each family, written once for a test run."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from gen_augment.samplers.diffusion.folder import quiet
from gen_augment.samplers.diffusion.toy import (
    save_toy_pipeline,
    toy_autoencoder,
    toy_text_encoder,
)

WIDTH, SIZE = 8, 16
UNET = {
    "sample_size": SIZE // 2, "in_channels": 4, "out_channels": 4, "layers_per_block": 1,
    "block_out_channels": (8, 16), "norm_num_groups": 4, "attention_head_dim": 4,
    "down_block_types": ("CrossAttnDownBlock2D", "DownBlock2D"),
    "up_block_types": ("UpBlock2D", "CrossAttnUpBlock2D"),
}  # fmt: skip


def stable_diffusion(folder: Path) -> Any:
    save_toy_pipeline(folder, width=WIDTH, size=SIZE)


def stable_diffusion_xl(folder: Path) -> Any:
    import diffusers

    first, tokenizer = toy_text_encoder(folder, WIDTH)
    second, tokenizer_2 = toy_text_encoder(folder, WIDTH, projected=True)
    unet = diffusers.UNet2DConditionModel(
        **UNET, cross_attention_dim=64, addition_embed_type="text_time", addition_time_embed_dim=4,
        projection_class_embeddings_input_dim=32 + 6 * 4,
    )  # fmt: skip
    return diffusers.StableDiffusionXLPipeline(
        vae=toy_autoencoder(WIDTH, SIZE), text_encoder=first, text_encoder_2=second,
        tokenizer=tokenizer, tokenizer_2=tokenizer_2, unet=unet, add_watermarker=False,
        scheduler=diffusers.EulerDiscreteScheduler(
            timestep_spacing="trailing", prediction_type="v_prediction", steps_offset=1,
            beta_schedule="scaled_linear",
        ),
    )  # fmt: skip


def stable_diffusion_3(folder: Path) -> Any:
    import diffusers

    first, tokenizer = toy_text_encoder(folder, WIDTH, projected=True)
    second, tokenizer_2 = toy_text_encoder(folder, WIDTH, projected=True)
    third, tokenizer_3 = t5(64)
    transformer = diffusers.SD3Transformer2DModel(
        sample_size=SIZE // 2, patch_size=2, in_channels=16, num_layers=1, attention_head_dim=8,
        num_attention_heads=2, joint_attention_dim=64, caption_projection_dim=16,
        pooled_projection_dim=64, out_channels=16, pos_embed_max_size=8,
    )  # fmt: skip
    return diffusers.StableDiffusion3Pipeline(
        transformer=_random(transformer), scheduler=diffusers.FlowMatchEulerDiscreteScheduler(shift=3.0),
        vae=_shifted(toy_autoencoder(WIDTH, SIZE, 16)), text_encoder=first, tokenizer=tokenizer,
        text_encoder_2=second, tokenizer_2=tokenizer_2, text_encoder_3=third, tokenizer_3=tokenizer_3,
    )  # fmt: skip


def t5(width: int) -> tuple[Any, Any]:
    import transformers

    pieces = [(piece, 0.0) for piece in ("<pad>", "</s>", "<unk>")]
    pieces += [(chr(code), -2.0) for code in range(33, 127)] + [("▁", -2.0)]
    tokenizer = transformers.T5TokenizerFast(vocab=pieces, extra_ids=0)
    config = transformers.T5Config(
        vocab_size=len(pieces) + 10, d_model=width, d_kv=4, d_ff=16, num_layers=1, num_heads=2
    )
    return transformers.T5EncoderModel(config), tokenizer


def flux(folder: Path) -> Any:
    import diffusers

    first, tokenizer = toy_text_encoder(folder, WIDTH)
    second, tokenizer_2 = t5(16)
    transformer = diffusers.FluxTransformer2DModel(
        patch_size=1, in_channels=16, num_layers=1, num_single_layers=1, attention_head_dim=8,
        num_attention_heads=2, joint_attention_dim=16, pooled_projection_dim=32,
        guidance_embeds=True, axes_dims_rope=(2, 2, 4),
    )  # fmt: skip
    return diffusers.FluxPipeline(
        scheduler=diffusers.FlowMatchEulerDiscreteScheduler(), vae=_shifted(toy_autoencoder(WIDTH, SIZE)),
        text_encoder=first, tokenizer=tokenizer, text_encoder_2=second,
        tokenizer_2=tokenizer_2, transformer=transformer,
    )  # fmt: skip


def dit(folder: Path, scheduler: Any = None) -> Any:
    import diffusers

    transformer = diffusers.DiTTransformer2DModel(
        sample_size=SIZE // 2, num_layers=1, patch_size=4, attention_head_dim=4,
        num_attention_heads=2, in_channels=4, out_channels=8, attention_bias=True,
        activation_fn="gelu-approximate", num_embeds_ada_norm=1000, norm_type="ada_norm_zero",
        norm_elementwise_affine=False,
    )  # fmt: skip
    return diffusers.DiTPipeline(
        _random(transformer), toy_autoencoder(WIDTH, SIZE), scheduler or diffusers.DDIMScheduler()
    )


def stochastic_dit(folder: Path) -> Any:
    import diffusers

    return dit(folder, diffusers.DDPMScheduler())


def ddpm(folder: Path, channels: int = 3) -> Any:
    import diffusers

    unet = diffusers.UNet2DModel(
        sample_size=SIZE, in_channels=channels, out_channels=channels, block_out_channels=(8, 16),
        down_block_types=("DownBlock2D", "AttnDownBlock2D"), norm_num_groups=4,
        up_block_types=("AttnUpBlock2D", "UpBlock2D"), layers_per_block=1, attention_head_dim=4,
    )  # fmt: skip
    return diffusers.DDPMPipeline(unet, diffusers.DDPMScheduler())


def grey_ddpm(folder: Path) -> Any:
    return ddpm(folder, 1)


#: Pipelines by their name in tests.
BUILDERS: dict[str, Callable[[Path], Any]] = {
    "sd": stable_diffusion,
    "sdxl": stable_diffusion_xl,
    "sd3": stable_diffusion_3,
    "flux": flux,
    "dit": dit,
    "stochastic-dit": stochastic_dit,
    "ddpm": ddpm,
    "grey-ddpm": grey_ddpm,
}
#: Those that differ in how they are trained.
FAMILIES = ("sd", "sdxl", "sd3", "flux", "dit", "ddpm")


def build(name: str, folder: Path) -> Path:
    """Write a pipeline."""
    torch.manual_seed(0)
    pipeline = BUILDERS[name](folder)
    if pipeline is not None:
        with quiet():
            pipeline.save_pretrained(folder, safe_serialization=True)
    return folder


def _random(network: Any) -> Any:
    """Return a transformer with random weights; many start as the zero function."""
    for parameter in network.parameters():
        torch.nn.init.normal_(parameter, std=0.2)
    return network


def _shifted(vae: Any) -> Any:
    vae.register_to_config(shift_factor=0.1)
    return vae
