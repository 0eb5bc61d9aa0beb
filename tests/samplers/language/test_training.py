"""Bits per byte, held-out rows, and the choice of the best weights."""

import math
from types import SimpleNamespace
from typing import Any

import numpy as np
import torch

from gen_augment.samplers.language.network import PADDING, Architecture, CausalTransformer
from gen_augment.samplers.language.training import (
    HELD_OUT,
    WEIGHT_DECAY,
    LanguageNetwork,
    _groups,
    _hold_out,
    bits_per_byte,
    padded,
)
from gen_augment.training import Batches
from tests.samplers.language.conftest import small

IDS = padded([[1, 2, 4], [3, 4], [0, 0, 0, 4]], 8)
Y, N_BYTES = torch.tensor([0, 1, 0]), torch.tensor([1, 2, 3, 1, 0])


def transformer(dropout: float = 0.0) -> CausalTransformer:
    torch.manual_seed(0)
    return CausalTransformer(Architecture(5, 9, 8, 1, 2, 4, dropout), 2)


def test_early_stopping_keeps_the_best_weights() -> None:
    """Random letters can only be memorised."""
    rng = np.random.default_rng(0)
    texts = ["".join(rng.choice(list("abcdefgh"), 12)) for _ in range(60)]
    sampler = small(max_steps=2000).fit(texts, [0, 1] * 30)
    bits = sampler.history_["bits_per_byte"]
    assert sampler.n_steps_ < 2000
    assert bits[-1] > min(bits)


def test_rows_are_filled_up_or_cut() -> None:
    """Four tokens and the end token fit. A longer row is cut and has no end token."""
    whole, longer = [1, 1, 1, 1, 4], [1, 1, 1, 1, 1, 4]
    assert padded([[2, 4], whole], 4).tolist() == [[2, 4, PADDING, PADDING, PADDING], whole]
    assert padded([longer], 4).tolist() == [[1, 1, 1, 1, PADDING]]
    assert padded([[2, 4]], 4).shape == (1, 2)


def test_bits_per_byte_of_equally_probable_tokens_are_a_logarithm() -> None:
    """Nine tokens, ends included, of log2(5) bits each; the texts have 5 + 1 + 3 bytes."""
    network = transformer()
    torch.nn.init.zeros_(network.wte.weight)  # all logits are 0
    assert bits_per_byte(network, IDS, Y, N_BYTES) == np.float32(9 * math.log2(5) / 9)


@torch.no_grad()
def test_bits_per_byte_are_the_sum_over_rows_of_their_own_length() -> None:
    network = transformer().eval()
    nats = 0.0
    for row, y in zip([[1, 2, 4], [3, 4], [0, 0, 0, 4]], Y, strict=True):
        logits = network(torch.tensor([row]), y[None])
        nats -= float(logits.log_softmax(dim=1)[range(len(row)), row].sum())
    found = bits_per_byte(network, IDS, Y, N_BYTES)
    np.testing.assert_allclose(found, nats / math.log(2) / 9, rtol=1e-5)


def test_dropout_is_off_while_bits_per_byte_are_measured() -> None:
    network = transformer(dropout=0.5).train()
    found = [bits_per_byte(network, IDS, Y, N_BYTES) for _ in range(2)]
    assert found[0] == found[1] == bits_per_byte(network.eval(), IDS, Y, N_BYTES)
    network.train()
    bits_per_byte(network, IDS, Y, N_BYTES)
    assert network.training


def test_the_weights_with_the_fewest_bits_are_adopted_also_from_a_checkpoint() -> None:
    network = LanguageNetwork(transformer())
    assert network.sampled() is network.model
    best = network.track()
    for bits, value in ((3.0, 0.1), (2.0, 0.2), (2.5, 0.3)):
        torch.nn.init.constant_(best.average.module.ln_f.bias, value)
        best.read(bits)
    assert (float(best.bits), float(best.latest), int(best.n_worse)) == (2.0, 2.5, 1)
    assert network.sampled() is best.average.module
    saved = LanguageNetwork.adopted(network.state_dict())
    network.adopt()
    assert network.best is None
    assert network.model.ln_f.bias.tolist() == [np.float32(0.2)] * 8
    assert saved.keys() == network.state_dict().keys()
    assert all(saved[name].equal(weight) for name, weight in network.state_dict().items())


def test_without_an_evaluation_the_current_weights_stay() -> None:
    network = LanguageNetwork(transformer())
    best = network.track()
    torch.nn.init.constant_(best.model.ln_f.bias, 9.0)
    assert LanguageNetwork.adopted(network.state_dict())["model.ln_f.bias"].tolist() == [0.0] * 8
    network.adopt()
    assert network.model.ln_f.bias.tolist() == [0.0] * 8


def test_a_tenth_of_the_rows_is_held_out_and_no_class_is_lost() -> None:
    x, y = torch.arange(60)[:, None], torch.tensor([0] * 58 + [1] + [2])
    weights = torch.arange(60.0)
    loop: Any = SimpleNamespace(batches=Batches(x, y, batch_size=4, seed=0, weights=weights))
    held, codes = _hold_out(loop)
    kept = loop.batches
    assert len(held) == HELD_OUT * 60
    assert sorted(held[:, 0].tolist() + kept.x[:, 0].tolist()) == list(range(60))
    assert torch.equal(codes, y[held[:, 0]])
    assert torch.equal(kept.y, y[kept.x[:, 0]])
    assert kept.weights.tolist() == kept.x[:, 0].tolist()
    assert set(kept.y.tolist()) == {0, 1, 2}


def test_matrices_decay_and_pretrained_weights_learn_at_a_twentieth() -> None:
    model = transformer()
    plain = _groups(model, 1.0, is_pretrained=False)
    assert {group["lr"] for group in plain} == {1.0}
    groups = _groups(model, 1.0, is_pretrained=True)
    for name, weight in model.named_parameters():
        (group,) = [one for one in groups if any(weight is other for other in one["params"])]
        assert group["weight_decay"] == (WEIGHT_DECAY if weight.ndim > 1 else 0)
        assert group["lr"] == (1.0 if name.startswith("label.") else 0.05)
