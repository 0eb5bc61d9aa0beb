import random

import numpy as np
import pytest
import torch

from gen_augment.modalities.audio.recipes import (
    RECIPES,
    add_noise,
    classic,
    echo,
    shift,
    specaugment,
)
from tests.modalities.audio.tones import tone

LENGTHS = (3000, 2000)


def batch() -> tuple[torch.Tensor, torch.Tensor]:
    x = torch.zeros(2, 1, 3500)
    for row, n in zip(x, LENGTHS, strict=True):
        row[0, :n] = torch.from_numpy(tone(500, n)).float() / 9000
        row[0, n - 1] = 0.5
    return x, torch.eye(2)


@pytest.mark.parametrize("name", sorted(RECIPES))
def test_shape_and_padding_stay(name: str) -> None:
    if name == "audiomentations":
        pytest.importorskip("audiomentations")
    torch.manual_seed(0)
    x, y = batch()
    before = x.clone()
    found, labels = RECIPES[name](x, y)
    assert torch.equal(x, before)
    assert found.shape == x.shape
    assert torch.isfinite(found).all()
    torch.testing.assert_close(labels.sum(dim=1), torch.ones(2))
    assert not found[..., 3000:].any()
    assert (found != x).any()


def test_noise_has_the_stated_ratio() -> None:
    torch.manual_seed(0)
    x, _ = batch()
    hiss = add_noise(x, torch.tensor([0.0, 20.0])) - x
    ratios = [
        10 * np.log10(float(a.square().sum() / b.square().sum()))
        for a, b in zip(x, hiss, strict=True)
    ]
    assert ratios == pytest.approx([0.0, 20.0], abs=0.01)


def test_an_echo_is_a_causal_convolution() -> None:
    torch.manual_seed(0)
    x = torch.zeros(1, 1, 2000)
    x[0, 0, 500] = 1
    x[0, 0, 1999] = 1e-6  # the recording ends here
    found, _ = echo(x, torch.ones(1, 1))
    assert found[0, 0, :500].abs().max() < 1e-5
    assert found[0, 0, 500] == pytest.approx(1, abs=1e-5)
    early, late = (
        found[0, 0, part].square().sum() for part in (slice(501, 700), slice(1300, 1499))
    )
    assert early > 10 * late
    assert early <= 1.01


def test_specaugment_removes_at_most_the_stated_shares() -> None:
    x = torch.randn(64, 1, 4000, generator=torch.Generator().manual_seed(0))
    torch.manual_seed(0)
    found, _ = specaugment(x, torch.ones(64, 1))
    silent = (found == 0).float().mean(dim=(1, 2))
    assert silent.max() <= 0.2 + 1e-3
    assert silent.max() > 0.1
    kept = found.square().sum(dim=(1, 2)) / x.square().sum(dim=(1, 2))
    assert kept.min() > 0.55
    assert kept.max() <= 1.01


def test_shift_moves_samples_as_they_are() -> None:
    torch.manual_seed(0)
    x, y = batch()
    found, _ = shift(x, y)
    correlation = np.correlate(found[0, 0].numpy(), x[0, 0].numpy(), "full")
    by = int(correlation.argmax()) - 3499
    assert 0 < abs(by) <= 300
    start, end = max(0, by), min(3000, 3000 + by)
    torch.testing.assert_close(found[0, 0, start:end], x[0, 0, start - by : end - by])


def test_audiomentations_follow_torch_and_leave_other_generators() -> None:
    pytest.importorskip("audiomentations")
    x, y = batch()
    random.seed(1)
    np.random.seed(1)
    expected = random.random(), np.random.random()
    random.seed(1)
    np.random.seed(1)
    found = []
    for _ in range(2):
        torch.manual_seed(3)
        found.append(classic(x, y)[0])
    assert torch.equal(*found)
    assert (random.random(), np.random.random()) == expected
    stereo, silent = x.repeat(1, 2, 1), torch.zeros_like(x)
    assert classic(stereo, y)[0].shape == stereo.shape
    assert torch.isfinite(classic(silent, y)[0]).all()
