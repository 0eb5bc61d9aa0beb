"""Weights of one network as initial weights of a network with other classes."""

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from gen_augment import InputError, NotFittedError
from gen_augment.data import LabelCodec
from gen_augment.modalities.conditioning import ClassEmbedding
from gen_augment.samplers.transfer import transfer


class Network(nn.Module):
    not_transferred = ("judge",)

    def __init__(self, n_classes: int, width: int = 3) -> None:
        super().__init__()
        self.label = ClassEmbedding(n_classes, width)
        self.body = nn.Linear(width, 2)
        self.judge = nn.Linear(2, 1)


class Start(SimpleNamespace):
    """The attributes of a fitted sampler."""


def start(classes: list[Any]) -> Start:
    return Start(network_=Network(len(classes)), classes_=np.array(classes))


def labels(classes: list[Any]) -> LabelCodec:
    return LabelCodec.fit(classes, unlabeled=None)[0]


def test_known_classes_keep_their_vectors_and_the_body_is_copied() -> None:
    torch.manual_seed(0)
    init, network = start(["a", "b", "c"]), Network(3)
    transfer("Start", network, init, labels(["b", "c", "d"]))
    old, new = init.network_, network
    assert torch.equal(
        new.label.weight[[0, 1, 3]], old.label.weight[[1, 2, 3]]
    )  # and the vector for no label
    assert not (new.label.weight[2] == old.label.weight).all(dim=1).any()
    for name in ("body", "judge"):
        assert torch.equal(getattr(new, name).weight, getattr(old, name).weight)


def test_new_classes_have_the_mean_and_the_spread_of_the_known_ones() -> None:
    torch.manual_seed(0)
    init, network = start(list(range(200))), Network(400)
    with torch.no_grad():
        init.network_.label.weight.mul_(0.1).add_(5)
    judge = network.judge.weight.clone()
    transfer("Start", network, init, labels(list(range(1000, 1400))))
    known, new = init.network_.label.weight[:-1], network.label.weight[:-1]
    torch.testing.assert_close(new.mean(dim=0), known.mean(dim=0), atol=0.05, rtol=0)
    assert new.std().item() == pytest.approx(known.std().item(), rel=0.1)
    assert torch.equal(network.judge.weight, judge)  # no class is known


@pytest.mark.parametrize(
    "init, error, message",
    [
        (object(), InputError, "init is a object: a Start can only start from a fitted Start"),
        (Start(), NotFittedError, "init, a Start, is not fitted yet"),
        (
            Start(network_=Network(2, width=5), classes_=np.array([0, 1])),
            InputError,
            r"its weights 'label.weight' have shape \(3, 5\), and \(3, 3\) is needed",
        ),
    ],
)
def test_other_starts_are_refused(init: Any, error: Any, message: str) -> None:
    network = Network(2)
    before = network.body.weight.clone()
    with pytest.raises(error, match=message):
        transfer("Start", network, init, labels([0, 1]))
    assert torch.equal(network.body.weight, before)
