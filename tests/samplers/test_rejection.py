"""`draw`: rows that pass, at fixed addresses, from a bounded number of candidates."""

from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import ArrayLike
from PIL import Image

from gen_augment import ExhaustedError, InputError
from gen_augment.filters import Realism
from gen_augment.samplers.rejection import check_filters, describe_filter, draw
from tests.processes import run_elsewhere


class Source:
    """Rows ``(address, label, seed)``. `asked` records all addresses in the order of the calls."""

    classes_ = np.arange(5)
    class_prior_ = np.full(5, 0.2)

    def __init__(self) -> None:
        self.asked: list[int] = []

    def generate(self, index: ArrayLike, y: ArrayLike, *, seed: int | None = None) -> Any:
        where = np.asarray(index)
        self.asked += where.tolist()
        return np.stack(
            [where, np.broadcast_to(y, where.shape), np.full(where.shape, seed)], axis=1
        )


class Content:
    """Keeps a fixed share of all addresses, another set for each label."""

    def __init__(self, share: float, salt: int) -> None:
        self.share, self.salt = share, salt

    def one(self, address: int, label: int) -> bool:
        return bool(np.random.default_rng([address, label, self.salt]).random() < self.share)

    def __call__(self, X: np.ndarray, y: np.ndarray) -> np.ndarray:
        np.testing.assert_array_equal(X[:, 1], y)
        return np.array([self.one(address, label) for address, label, _ in X.tolist()], dtype=bool)


def draw_one_by_one(
    labels: list[int], filters: list[Content], start: int, budget: int
) -> dict[int, int]:
    """Return the address of each filled place. Empty places take the next addresses in turn."""
    found: dict[int, int] = {}
    address = start
    while len(found) < len(labels) and address < start + budget:
        for place in [place for place in range(len(labels)) if place not in found][
            : start + budget - address
        ]:
            if all(keep.one(address, labels[place]) for keep in filters):
                found[place] = address
            address += 1
    return found


LABELS = st.lists(st.integers(0, 4), max_size=25)
SHARES = st.lists(st.floats(0, 1), min_size=1, max_size=2)


@given(LABELS, SHARES, st.integers(0, 99), st.integers(1, 6), st.integers(0, 10**9))
def test_missing_rows_take_turns_until_all_are_found_or_the_budget_is_spent(
    labels: list[int], shares: list[float], salt: int, max_draws: int, start: int
) -> None:
    filters = [Content(share, salt + i) for i, share in enumerate(shares)]
    source, budget, y = Source(), max_draws * len(labels), np.array(labels, int)
    found = draw_one_by_one(labels, filters, start, budget)
    if len(found) < len(labels):
        with pytest.raises(
            ExhaustedError, match=f"kept {len(found)} of {budget} rows, and {len(y)} are"
        ) as caught:
            draw(source, y, filters=filters, seed=5, start=start, max_draws=max_draws)
        assert (caught.value.kept, caught.value.drawn) == (len(found), budget)
    else:
        X, index = draw(source, y, filters=filters, seed=5, start=start, max_draws=max_draws)
        assert index.dtype == np.int64
        assert index.tolist() == [found[place] for place in range(len(y))]
        assert X.tolist() == [
            [address, label, 5] for address, label in zip(index.tolist(), labels, strict=True)
        ]
    # Every address of the budget occurs exactly once.
    assert source.asked == list(range(start, start + len(source.asked)))
    assert len(source.asked) <= budget


@given(LABELS, st.floats(0.3, 1), st.integers(0, 99))
def test_max_draws_bounds_the_work_and_does_not_change_the_rows(
    labels: list[int], share: float, salt: int
) -> None:
    y, filters = np.array(labels, int), [Content(share, salt)]
    (X, index), (again, index_again) = (
        draw(Source(), y, filters=filters, max_draws=most) for most in (200, 500)
    )
    np.testing.assert_array_equal(index, index_again)
    np.testing.assert_array_equal(X, again)


def test_without_filters_every_row_is_kept() -> None:
    for filters in (None, []):
        source = Source()
        X, index = draw(source, np.array([2, 0, 1]), filters=filters, start=7)
        assert X[:, :2].tolist() == [[7, 2], [8, 0], [9, 1]]
        assert index.tolist() == source.asked == [7, 8, 9]


def test_a_label_that_never_passes_is_named() -> None:
    source = Source()
    with pytest.raises(
        ExhaustedError, match=r"kept 2 of 16 rows, and 4 are needed \(missing, by label: \{3: 2\}\)"
    ):
        draw(source, np.array([0, 3, 1, 3]), filters=[lambda X, y: y != 3], max_draws=4)
    assert len(source.asked) == 16


class Forms:
    """Rows in the form that `make` gives."""

    classes_ = np.arange(2)
    class_prior_ = np.full(2, 0.5)

    def __init__(self, make: Any) -> None:
        self.make = make

    def generate(self, index: ArrayLike, y: ArrayLike, *, seed: int | None = None) -> Any:
        return self.make(np.asarray(index))


FORMS = {
    "array": lambda i: np.stack([i, i], axis=1).astype(np.float32),
    "tensor": lambda i: torch.from_numpy(np.stack([i, i], axis=1)).bfloat16(),
    "frame": lambda i: pd.DataFrame({"a": i.astype(np.int16), "b": i % 2 == 0}),
    "pil": lambda i: [Image.new("L", (8, 8), int(number)) for number in i],
}


@pytest.mark.parametrize("form", FORMS)
def test_rows_keep_their_form(form: str) -> None:
    make, calls = FORMS[form], []

    def keep(X: Any, y: np.ndarray) -> np.ndarray:
        assert type(X) is type(make(np.arange(2)))
        calls.append(len(X))
        return (
            np.zeros(len(y), bool) if len(calls) == 1 else np.arange(len(y)) % 2 == 0
        )  # no row passes at first

    X, index = draw(Forms(make), np.zeros(6, int), filters=[keep], max_draws=50)
    assert calls == [6, 6, 3, 1]
    assert index.tolist() == [6, 12, 8, 15, 10, 14]
    expected = make(index)
    assert type(X) is type(expected)
    if form == "frame":
        pd.testing.assert_frame_equal(X, expected)
    elif form == "pil":
        assert [image.getpixel((0, 0)) for image in X] == index.tolist()
    else:
        assert X.dtype == expected.dtype
        assert bool((expected == X).all())


@pytest.mark.parametrize("max_draws", [0, -1, 2.5, True, None])
def test_bad_max_draws_is_named(max_draws: Any) -> None:
    with pytest.raises(InputError, match="max_draws="):
        draw(Source(), np.zeros(3, int), filters=[lambda X, y: y == 0], max_draws=max_draws)


def test_filters_are_callables() -> None:
    def keep(X: Any, y: Any) -> Any: ...

    assert check_filters(None) == check_filters([]) == check_filters(()) == []
    assert check_filters(keep) == check_filters([keep]) == check_filters((keep,)) == [keep]
    for bad in (3, "keep", [3], [keep, None], {keep}, iter([keep])):
        with pytest.raises(InputError, match=r"filters=.*give a list of callables"):
            check_filters(bad)
    for bad in (Realism, [keep, Realism]):
        with pytest.raises(InputError, match=r"the class Realism: give an instance"):
            check_filters(bad)


def above(X: Any, y: Any, t: Any = 0) -> Any:
    return t < X


DESCRIBED = """
from functools import partial
import operator
import numpy as np
from gen_augment.samplers.rejection import describe_filter

def above_of(t, f=lambda x: x):
    return lambda X, y, k=1: f(X)[:, 0] > t

table, named = np.zeros(5000), {"a", "b", "c", "dd", "eee"}
filters = [
    *(above_of(t) for t in (1, 2, table, table + 1, object(), named)),
    above_of(1, lambda x: -x),
    lambda X, y: X[:, 0] > 1,
    lambda X, y: X[:, 0] > 2,
    lambda X, y: X[:, 0] < 1,
    lambda X, y: X.min() > 1,
    lambda X, y: y in {"a", "b", "c", "dd", "eee"},
    lambda X, y: [row > 1 for row in X],
    lambda X, y: (lambda row: row > 1)(X),
    lambda X, y: (lambda row: row > 2)(X),
    lambda X, y, t=1: X > t,
    lambda X, y, t=2: X > t,
    lambda X, y, *, t=2: X > t,
    partial(operator.gt, 1), partial(operator.gt, 2), partial(operator.lt, 1), partial(max, key=above_of(1)),
    partial(max, key=above_of(2)), partial(max, default=named), partial(max, default=object()),
]
"""


def described() -> list[str]:
    here: dict[str, Any] = {"__name__": "__main__"}
    exec(DESCRIBED, here)  # noqa: S102
    return [describe_filter(keep) for keep in here["filters"]]


def test_filters_are_distinguished_in_every_process() -> None:
    expected = described()
    assert len(set(expected)) == len(expected) == 25
    # Memory addresses and the order of sets differ.
    assert run_elsewhere(described) == expected


def test_a_named_function_is_described_by_its_name() -> None:
    assert describe_filter(above) == f"{__name__}.above"
    assert describe_filter(Content(0.5, 1)) == f"{__name__}.Content"
    countdown = (lambda: lambda f: lambda X: f and countdown(X))()(1)
    assert describe_filter(countdown).startswith(f"{__name__}.test_a_named")


@pytest.mark.parametrize(
    "mask",
    [True, None, [1, 0, 1], [True], [[True]] * 3, ["a"] * 3, [[True], []], np.ones(3, object)],
)
def test_filters_that_return_no_mask_are_refused(mask: Any) -> None:
    with pytest.raises(
        InputError, match=r"the filter .* returned .* for 3 rows: one bool for each row is needed"
    ):
        draw(Source(), np.zeros(3, int), filters=[lambda X, y: mask])
