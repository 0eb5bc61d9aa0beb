"""A small classifier of encoded rows."""

import pytest
import torch
from torch import nn

from gen_augment import DivergedError
from gen_augment.training import Batches
from gen_augment.training.classifier import train_classifier


def batches(value: float = 1.0) -> Batches:
    """Two classes around -1 and +1."""
    y = torch.arange(40) % 2
    return Batches((2.0 * y[:, None] - 1) * value, y, batch_size=20, seed=0)


@pytest.mark.parametrize("mixup", [0.0, 0.4])
def test_separable_classes_are_learned(mixup: float) -> None:
    torch.manual_seed(0)
    trunk, head, data = nn.Linear(1, 8), nn.Linear(8, 2), batches()
    before = trunk.weight.detach().clone()
    with torch.no_grad():  # a caller's mode has no effect
        train_classifier(trunk, head, data, 150, mixup=mixup)
    assert not torch.equal(before, trunk.weight)
    assert torch.equal(head(trunk(data.x)).argmax(dim=1), data.y)


def test_every_batch_is_augmented() -> None:
    seen = []

    def double(x: torch.Tensor) -> torch.Tensor:
        seen.append(x)
        return 2 * x

    calls: list[torch.Tensor] = []
    trunk = nn.Linear(1, 2)
    trunk.register_forward_pre_hook(lambda module, inputs: calls.append(inputs[0]))
    train_classifier(trunk, nn.Linear(2, 2), batches(), 3, augment=double)
    assert len(seen) == len(calls) == 3
    assert all(torch.equal(2 * x, given) for x, given in zip(seen, calls, strict=True))


def test_a_loss_that_is_not_finite_is_an_error() -> None:
    with pytest.raises(DivergedError, match="not finite after 2 steps: look for extreme") as caught:
        train_classifier(nn.Linear(1, 2), nn.Linear(2, 2), batches(float("inf")), 2)
    assert (caught.value.step, caught.value.loss) == (2, "cross_entropy")
