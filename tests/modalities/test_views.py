"""The default views of a modality."""

import numpy as np
import pandas as pd
import pytest
import torch

from gen_augment.modalities import Image, Table
from gen_augment.modalities.views import Figure, RowViews
from tests.conftest import toy_images

VIEWS = RowViews()
TRAIN = pd.DataFrame({"a": [1.0, 2.0, np.nan], "b": ["u", "v", "v"]})
NEW = pd.DataFrame({"a": [1.0, 3.0, np.nan, 2.0], "b": ["v", "u", "u", "w"]})


def test_rows_are_compared_by_their_encoded_values() -> None:
    images, _ = toy_images(6)
    codec, encoded = Image().fit(images)
    assert torch.equal(VIEWS.vectors(codec, images), encoded.reshape(6, -1))


def test_a_row_of_known_values_may_be_made_by_chance() -> None:
    """Row 0 combines values of two training rows; NaN is a value; 3.0 and "w" are new."""
    codec, _ = Table().fit(TRAIN)
    assert VIEWS.by_chance(codec, NEW, TRAIN).tolist() == [True, False, True, False]


@pytest.mark.parametrize("form", ["ndarray", "tensor", "mixed"])
def test_values_count_in_their_own_column_in_any_container(form: str) -> None:
    train, new = np.array([[1.0, 2.0], [3.0, 4.0]]), np.array([[1.0, 4.0], [2.0, 1.0]])
    codec, _ = Table().fit(train)
    X = new if form == "ndarray" else torch.from_numpy(new)
    known = pd.DataFrame(train) if form == "mixed" else train
    assert VIEWS.by_chance(codec, X, known).tolist() == [True, False]


def test_rows_of_no_shape_are_compared_by_their_encoded_values() -> None:
    codec, _ = Table().fit(np.array([[1.0, 2.0], [3.0, 4.0]]))
    rows = [[1.0, 4.0], [2.0, 1.0]]
    assert VIEWS.by_chance(codec, rows, [[1.0, 2.0], [3.0, 4.0]]).tolist() == [True, False]


def test_images_are_never_equal_by_chance() -> None:
    images, _ = toy_images(6)
    codec, _ = Image().fit(images)
    assert VIEWS.by_chance(codec, images, images).tolist() == [False] * 6


def test_inputs_of_networks_are_those_of_the_modality() -> None:
    codec, encoded = Table().fit(TRAIN)
    expected = codec.modality.classifier_inputs(codec, TRAIN)(TRAIN)
    assert torch.equal(VIEWS.network_inputs(codec, TRAIN)(TRAIN), expected)
    assert len(expected) == len(encoded)


def test_other_views_say_that_they_do_not_apply() -> None:
    assert VIEWS.novelty(TRAIN) is VIEWS.lines(TRAIN) is VIEWS.judge() is None
    assert VIEWS.pipeline_rows(TRAIN) is None
    assert VIEWS.measure(TRAIN, NEW) == VIEWS.figures == {}
    assert (RowViews().near_copy, RowViews(0.1).near_copy) == (0.01, 0.1)
    assert Figure("q", "t", "m", "i")._fields == ("question", "title", "meaning", "ideal")
