"""Texts by address: bad ones are drawn again, and blank rows are left out."""

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

from gen_augment import InputError
from gen_augment.data import Rows
from gen_augment.modalities import TextCodec
from gen_augment.samplers.language import writing
from gen_augment.samplers.language.writing import (
    LONGEST_TOKEN,
    MAX_TRIES,
    readable,
    write_texts,
)

GOOD, BLANK, BROKEN, CUT, LONG = "good", " \n", "a\ufffd", "cut", "x" * 33


class Writer:
    """Returns the next of the given texts at each try, and records the requests."""

    codec_ = TextCodec(32)
    latent_shape = (3,)
    device = "cpu"
    tokens_ = SimpleNamespace(decode=lambda ids: ids)

    def __init__(self, *rows: list[str]) -> None:
        self.rows = rows
        self.asked: list[list[int]] = []
        self.noise: list[np.ndarray] = []

    def _drawing(self) -> Any:
        return self._draw

    def _draw(self, u: torch.Tensor, y: torch.Tensor, prompts: list[list[int]]) -> Any:
        self.noise.append(u.numpy())
        self.asked.append([row for (row,) in prompts])
        assert y.tolist() == [10 * row for (row,) in prompts]
        number = len(self.asked) - 1
        texts = [self.rows[row][min(number, len(self.rows[row]) - 1)] for (row,) in prompts]
        return [(text, text != CUT) for text in texts]


def write(writer: Writer, index: Any = None) -> list[str]:
    n = len(writer.rows)
    codes, prompts = 10 * np.arange(n), [[row] for row in range(n)]
    return write_texts(writer, np.arange(n) if index is None else index, codes, 7, prompts)


@pytest.fixture(autouse=True)
def on_the_cpu(monkeypatch: pytest.MonkeyPatch) -> None:
    cpu = SimpleNamespace(usable_device=lambda _: torch.device("cpu"))
    monkeypatch.setattr(writing, "generation", cpu)


@pytest.mark.parametrize("bad", [BLANK, BROKEN, CUT, LONG])
def test_a_bad_text_is_drawn_again_and_others_are_not(bad: str) -> None:
    writer = Writer([GOOD], [bad, bad, "better"], ["fine"])
    assert write(writer) == [GOOD, "better", "fine"]
    assert writer.asked == [[0, 1, 2], [1], [1]]


def test_the_last_try_is_cut_to_its_space() -> None:
    writer = Writer([LONG])
    assert write(writer) == ["x" * 32]
    assert len(writer.asked) == MAX_TRIES


def test_noise_follows_from_the_address_and_the_try() -> None:
    first, again = Writer([BLANK, GOOD], [GOOD]), Writer([GOOD], [BLANK, GOOD])
    write(first)
    write(again, np.array([1, 0]))
    np.testing.assert_array_equal(first.noise[0], again.noise[0][::-1])
    np.testing.assert_array_equal(first.noise[1], again.noise[1])
    assert not np.isin(first.noise[1], first.noise[0]).any()


def test_blank_rows_are_left_out() -> None:
    rows = Rows.read(["a", " ", "b", "c" * 99, ""], ["x", "x", "y", "x", "y"], modality="text")
    texts, codes = readable(rows, seed=0, max_length=2)
    assert texts == ["a", "b", "c" * 2 * LONGEST_TOKEN]
    assert codes.tolist() == [0, 1, 0]


def test_a_class_of_blank_rows_is_named() -> None:
    rows = Rows.read(["a", " ", ""], ["x", "y", "y"], modality="text")
    with pytest.raises(InputError, match="all texts with the label 'y' are blank: drop them"):
        readable(rows, seed=0, max_length=2)
