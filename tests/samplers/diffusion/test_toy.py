"""The toy pipeline loads as any other, and is the same each time."""

from pathlib import Path

import torch

from gen_augment.samplers.diffusion.folder import digest_of, load_pipeline
from gen_augment.samplers.diffusion.toy import save_toy_pipeline


def test_it_is_small_and_always_the_same(tmp_path: Path) -> None:
    state = torch.get_rng_state()
    first, second = (save_toy_pipeline(tmp_path / name, size=8) for name in "ab")
    assert torch.equal(torch.get_rng_state(), state)
    assert digest_of(first) == digest_of(second)
    assert sum(file.stat().st_size for file in first.rglob("*") if file.is_file()) < 500_000
    pipeline = load_pipeline(first, torch.float32)
    images = pipeline("a photo", num_inference_steps=1, output_type="pt").images
    assert images.shape == (1, 3, 8, 8)
