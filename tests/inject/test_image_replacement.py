"""Shared parts of the image transforms: the choice of a row, strengths, and varied images."""

from typing import Any

import numpy as np
import pytest
import torch

from gen_augment import ConditionalVAE, InputError, SampleBank
from gen_augment.inject.image_replacement import (
    NO_ROW,
    check_strength,
    draw_number,
    draw_row,
    open_bank,
    open_source,
    read_row,
    vary_image,
)

COUNTS = {0: 5, 1: 2}


@pytest.fixture(scope="module")
def bank(image_sampler: ConditionalVAE, tmp_path_factory: pytest.TempPathFactory) -> SampleBank:
    return SampleBank.build(image_sampler, COUNTS, tmp_path_factory.mktemp("banks") / "images")


@pytest.mark.parametrize(
    "strength, bounds", [(0.3, (0.3, 0.3)), (1, (1, 1)), ([0.1, 0.4], (0.1, 0.4)), ((0, 0), (0, 0))]
)
def test_a_strength_is_a_number_or_a_range(strength: Any, bounds: tuple[float, float]) -> None:
    assert check_strength(strength) == bounds


@pytest.mark.parametrize(
    "strength, message",
    [
        (1.5, "strength=1.5"),
        (-1, "strength=-1"),
        ((0.5, 0.2), r"strength\[1\]=0.2"),
        ((0.1, 2), r"strength\[1\]=2"),
        ((0.1, 0.2, 0.3), r"give a number or a range \(low, high\)"),
    ],
)
def test_unusable_strengths_are_named(strength: Any, message: str) -> None:
    with pytest.raises(InputError, match=message):
        check_strength(strength)


def test_rows_are_drawn_by_label_over_the_bank_or_by_class(bank: SampleBank) -> None:
    asked: list[int] = []

    def last(n: int) -> int:
        asked.append(n)
        return n - 1

    labels = [bank[draw_row(bank, "same", label, last)][1] for label in (0, 1)]
    assert (labels, asked) == ([0, 1], [5, 2])
    assert draw_row(bank, "prior", 0, last) == 6
    assert bank[draw_row(bank, "balanced", 0, last)][1] == 1
    assert asked[2:] == [7, 2, 2]
    every = {draw_row(bank, "same", 0, lambda n, i=i: i) for i in range(5)}
    assert every == {i for i in range(7) if bank[i][1] == 0}


def test_a_known_label_without_rows_keeps_the_image(
    image_sampler: ConditionalVAE, tmp_path: Any
) -> None:
    rare = SampleBank.build(image_sampler, {1: 2}, tmp_path / "rare")
    place = draw_row(rare, "same", 0, lambda n: 0)
    assert place == NO_ROW
    image = torch.zeros(1, 12, 12, dtype=torch.uint8)
    assert read_row(rare, place, image) is image
    with pytest.raises(InputError, match="label 5 was not seen in fit"):
        draw_row(rare, "same", 5, lambda n: 0)


def test_a_strength_of_1_is_the_row_and_0_the_image(bank: SampleBank) -> None:
    image = torch.full((1, 12, 12), 9, dtype=torch.uint8)
    number = draw_number(bank, 1, lambda n: 0)
    row = torch.from_numpy(np.array(bank[number][0])).reshape(1, 12, 12)
    assert torch.equal(vary_image(bank, image, 1, 1.0, number), row)
    assert torch.equal(vary_image(bank, image, 1, 0.0, number), image)


def test_a_sampler_is_asked_for_variants_with_the_number_as_seed(
    image_sampler: ConditionalVAE,
) -> None:
    image = np.full((12, 12, 1), 9, np.uint8)
    number = draw_number(image_sampler, 1, lambda n: n // 3)
    varied = vary_image(image_sampler, image, 1, 0.5, number)
    expected = image_sampler.vary(image[None], [1], strength=0.5, random_state=number)[0]
    np.testing.assert_array_equal(varied, expected)


def test_sources_of_other_kinds_are_refused(
    bank: SampleBank, table_sampler: ConditionalVAE, tmp_path: Any
) -> None:
    assert open_bank(bank) is bank
    assert open_source(str(bank.path)).counts == open_bank(bank.path).counts == COUNTS
    table = SampleBank.build(table_sampler, 2, tmp_path / "table")
    for call, message in (
        (lambda: open_bank(table_sampler), "bank is a ConditionalVAE: .*SampleBank.build"),
        (lambda: open_bank(table), "rows of this SampleBank have a TableCodec"),
        (lambda: open_source(table_sampler), "rows of this ConditionalVAE have a TableCodec"),
        (lambda: open_source(object()), "source is a object: give a sampler with an encoder"),
    ):
        with pytest.raises(InputError, match=message):
            call()
