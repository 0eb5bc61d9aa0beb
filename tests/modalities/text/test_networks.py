"""Bags of words against sums by hand. Generic networks are refused."""

import zlib
from typing import Any

import numpy as np
import pytest
import torch

from gen_augment import (
    ConditionalFlow,
    ConditionalGAN,
    ConditionalVAE,
    InputError,
    PairedVAE,
    SMOTESampler,
)
from gen_augment.modalities.text import WordBag
from gen_augment.modalities.text.networks import MAX_IDS, word_ids
from tests.modalities.text.test_modality import X, Y


@pytest.mark.parametrize("cls", [ConditionalVAE, ConditionalGAN, ConditionalFlow, PairedVAE])
def test_generic_networks_name_samplers_of_texts(cls: Any) -> None:
    with pytest.raises(InputError, match="cannot learn text: use EditSampler"):
        cls(max_steps=2, modality="text", device="cpu").fit(X, Y)
    with pytest.raises(InputError, match="text rows have the shape"):
        SMOTESampler(modality="text").fit(X, Y)


def test_words_are_numbered_by_their_checksum() -> None:
    ids = word_ids(["red car", "", "car"], n_ids=1000)
    red, car = (1 + zlib.crc32(word) % 1000 for word in (b"red", b"car"))
    assert ids.tolist() == [[red, car], [0, 0], [car, 0]]
    assert word_ids(["a " * 2000]).shape == (1, MAX_IDS)
    assert word_ids([]).shape == (0, 1)
    assert word_ids([""]).tolist() == [[0]]


def test_the_largest_numbers_are_exact() -> None:
    words = [f"w{i}" for i in range(3000)]
    ids = word_ids(words, n_ids=2**24)[:, 0].to(torch.int64).tolist()
    assert ids == [1 + zlib.crc32(word.encode()) % 2**24 for word in words]


def test_logits_are_a_scaled_sum_of_embeddings() -> None:
    torch.manual_seed(0)
    net = WordBag(3, width=5, n_buckets=7).eval()
    x = torch.tensor([[4.0, 9.0, 4.0, 0.0], [0.0, 0.0, 0.0, 0.0]])
    table = net.embed.weight.detach().numpy()
    linear: Any = net.head[1]
    weight, bias = (part.detach().numpy() for part in (linear.weight, linear.bias))
    summed = 2 * table[1 + 4 % 7] + table[1 + 9 % 7]
    expected = np.stack([weight @ (summed / np.sqrt(3)) + bias, bias])  # no word: the bias
    np.testing.assert_allclose(net(x).detach().numpy(), expected, rtol=1e-5, atol=1e-6)
    wider = torch.cat([x, torch.zeros(2, 6)], dim=1)
    torch.testing.assert_close(net(wider), net(x))
