"""FixMatch as a batch step, against the loss of the paper, and on a toy task."""

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional as F

from benchmarks import fixmatch
from benchmarks.fixmatch import MU, FixMatch
from benchmarks.image_studies import coded, network_inputs
from gen_augment.study import Arm, Training
from gen_augment.study.arms import BatchStep, Pool
from gen_augment.study.fitting import fit_predict


class Brightness(nn.Module):
    """Two classes; the brighter the image, the likelier is the second. It has dropout."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        mean = F.dropout(x.mean(dim=(1, 2, 3)), 0.5, self.training)
        return torch.stack([-4 * mean, 4 * mean], dim=1)


def test_mean_cross_entropy_of_the_targets_is_the_loss_of_the_paper(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Without random changes, the unlabelled images of the batch can be recognised."""
    monkeypatch.setattr(fixmatch, "shift", lambda x, y: (x, y))
    monkeypatch.setattr(fixmatch, "randaugment", lambda x, y: (0.5 * x, y))
    unlabelled = torch.linspace(-1, 1, 50)[:, None, None, None].expand(50, 1, 4, 4)
    step = FixMatch(Brightness, unlabelled, mirror=False)
    network = step.network()
    x, y = (
        torch.tensor([-0.3, 0.2, 0.6]).reshape(3, 1, 1, 1).expand(3, 1, 4, 4),
        torch.eye(2)[[0, 1, 0]],
    )
    torch.manual_seed(0)
    inputs, targets = step(x, y)
    assert inputs.shape == (3 + 3 * MU, 1, 4, 4)
    assert network.training

    network.eval()
    strong = inputs[3:]
    certain = network(2 * strong).softmax(dim=1)  # the weak image is the image itself
    sure = certain.max(dim=1).values >= 0.95
    assert 0 < sure.sum() < len(sure)
    each = F.cross_entropy(network(strong), certain.argmax(dim=1), reduction="none")
    expected = F.cross_entropy(network(x), torch.tensor([0, 1, 0])) + (each * sure).mean()
    torch.testing.assert_close(F.cross_entropy(network(inputs), targets), expected)


def halves(n: int, shown: str, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Noisy images, of which the shown halves are bright in one class and dark in the other."""
    X, y = rng.normal(128, 30, (n, 8, 8)), np.arange(n) % 2
    for half, columns in (("left", slice(0, 4)), ("right", slice(4, 8))):
        if half in shown:
            X[:, :, columns] += np.where(y, 60, -60)[:, None, None]
    return X.clip(0, 255).astype(np.uint8), y


def without_left(x: torch.Tensor, y: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    hidden = x.clone()
    hidden[..., :4] = 0
    return hidden, y


def test_unlabelled_images_teach_what_labelled_ones_do_not_show(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Labels are known by the left half, and strong images show the right half alone."""
    monkeypatch.setattr(fixmatch, "shift", lambda x, y: (x, y))
    monkeypatch.setattr(fixmatch, "randaugment", without_left)
    rng = np.random.default_rng(0)
    (X, y), (others, _), (test, truth) = (
        halves(n, shown, rng) for n, shown in ((10, "left"), (200, "left right"), (200, "right"))
    )
    step = FixMatch(
        lambda: nn.Sequential(nn.Flatten(), nn.Linear(64, 2)), network_inputs(others), mirror=False
    )
    real, training = coded(X, y), Training(200, batch_size=8, device="cpu")

    def accuracy(*steps: BatchStep) -> float:
        arm = Arm("tried", batch_steps=steps)
        predict = fit_predict(step.network, arm, Pool(real), real, 0, training)
        return float(np.mean(predict(test).argmax(axis=1) == truth))

    assert accuracy() < 0.75
    assert accuracy(step) > 0.95
