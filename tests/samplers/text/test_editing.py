"""Edited texts: bad parameters, and the space of a text."""

from typing import Any

import pytest

from gen_augment import AEDASampler, EditSampler, InputError, NGramSampler
from tests.modalities.text.test_modality import X, Y


def test_texts_never_exceed_their_space() -> None:
    made = AEDASampler(rate=1.0, random_state=0).fit(["a b c d e f g h"] * 2, ["x", "y"])
    rows = made.sample(200)[0]
    assert max(len(row.encode()) for row in rows) <= made.codec_.n_bytes == 32


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: EditSampler(edits="swap"), "edits='swap': give a list of swap, delete"),
        (lambda: EditSampler(edits=["swap", "shout"]), "give a list of"),
        (lambda: EditSampler(edits=[]), "give a list of"),
        (lambda: EditSampler(rate=0), "rate"),
        (lambda: NGramSampler(order=0), "order"),
        (lambda: NGramSampler(discount=2), "discount"),
        (lambda: EditSampler(modality=None), 'modality="text"'),
    ],
)
def test_bad_parameters(make: Any, message: str) -> None:
    with pytest.raises(InputError, match=message):
        make().fit(X, Y)
