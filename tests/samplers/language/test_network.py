"""The transformer against sums written out in NumPy, its cache, and its sizes."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from scipy.special import softmax
from torch.nn import functional as F

from gen_augment import InputError
from gen_augment.samplers.language.network import PADDING, Architecture, CausalTransformer

SIZES = Architecture(
    vocab_size=7, n_positions=6, width=8, n_layers=2, n_heads=2, end=5, dropout=0.0, epsilon=1e-5
)
IDS, Y = torch.tensor([[1, 4, 2], [6, 0, 3]]), torch.tensor([0, 1])


def network(**changes: Any) -> CausalTransformer:
    """A network with weights so large that logits depend on all tokens."""
    torch.manual_seed(0)
    model = CausalTransformer(replace(SIZES, **changes), 2).double().eval()
    with torch.no_grad():
        for weight in model.parameters():
            weight.add_(torch.randn_like(weight) * 0.3)
    return model


def normalised(x: np.ndarray, w: dict[str, np.ndarray], name: str) -> np.ndarray:
    centred = x - x.mean(axis=-1, keepdims=True)
    scaled = centred / np.sqrt(x.var(axis=-1, keepdims=True) + SIZES.epsilon)
    return scaled * w[f"{name}.weight"] + w[f"{name}.bias"]


def linear(x: np.ndarray, w: dict[str, np.ndarray], name: str) -> np.ndarray:
    return x @ w[f"{name}.weight"].T + w[f"{name}.bias"]


def reference(model: CausalTransformer, ids: list[int], y: int) -> np.ndarray:
    """Logits of one row and of the token after it: GPT-2 by its definition, token after token."""
    w = {name: tensor.numpy() for name, tensor in model.state_dict().items()}
    label = w["label.weight"][y]
    x = w["wte.weight"][[SIZES.end, *ids]] + w["wpe.weight"][: len(ids) + 1] + label
    size = SIZES.width // SIZES.n_heads
    for layer in range(SIZES.n_layers):
        name = f"h.{layer}"
        q, k, v = np.split(linear(normalised(x, w, f"{name}.ln_1"), w, f"{name}.attn.c_attn"), 3, 1)
        mixed = np.zeros_like(x)
        for head in range(SIZES.n_heads):
            part = slice(head * size, (head + 1) * size)
            for t in range(len(x)):
                weights = softmax(k[: t + 1, part] @ q[t, part] / np.sqrt(size))
                mixed[t, part] = weights @ v[: t + 1, part]
        x = x + linear(mixed, w, f"{name}.attn.c_proj")
        hidden = linear(normalised(x, w, f"{name}.ln_2"), w, f"{name}.mlp.c_fc")
        cubic = np.sqrt(2 / np.pi) * (hidden + 0.044715 * hidden**3)
        x = x + linear(0.5 * hidden * (1 + np.tanh(cubic)), w, f"{name}.mlp.c_proj")
    return np.asarray(normalised(x, w, "ln_f") @ w["wte.weight"].T)


@torch.no_grad()
def test_logits_are_those_of_the_definition() -> None:
    """Also of rows that are filled up, and of a row without a class."""
    model = network()
    rows, codes = [[1, 4, 2], [6], [0, 3]], [0, 1, -1]
    ids = torch.tensor([row + [PADDING] * (3 - len(row)) for row in rows])
    found = model(ids, torch.tensor(codes)).numpy()
    expected = [reference(model, row, y)[:-1] for row, y in zip(rows, codes, strict=True)]
    np.testing.assert_allclose(found, np.concatenate(expected))


@torch.no_grad()
def test_the_cache_gives_the_logits_of_the_whole_row() -> None:
    model = network()
    ended = F.pad(IDS, (0, 1))  # the last token has no influence
    expected = model(ended, Y).view(2, 4, 7)
    logits, cache = model.first(Y)
    torch.testing.assert_close(logits, expected[:, 0])
    for t in range(3):
        torch.testing.assert_close(model.following(IDS[:, t], Y, cache), expected[:, t + 1])
        assert [keys.shape for keys, _ in cache] == [(2, 2, t + 2, 4)] * 2


@torch.no_grad()
def test_dropout_acts_in_training_only() -> None:
    model = network(dropout=0.5)
    assert torch.equal(model(IDS, Y), model(IDS, Y))
    model.train()
    assert not torch.equal(model(IDS, Y), model(IDS, Y))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"width": 9}, "width=9 is not a multiple of n_heads=2"),
        ({"n_layers": 0}, "n_layers=0"),
        ({"dropout": 1.0}, "dropout=1.0"),
        ({"epsilon": 0.0}, "epsilon=0.0"),
    ],
)
def test_impossible_sizes_are_refused(change: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        replace(SIZES, **change)


def test_a_class_takes_one_position() -> None:
    SIZES.check_length(5)
    with pytest.raises(InputError, match=r"max_length=6: .* for 5 tokens\. Give max_length=5"):
        SIZES.check_length(6)
    assert network()(torch.zeros(1, 6, dtype=torch.int64), Y[:1]).shape == (6, 7)
