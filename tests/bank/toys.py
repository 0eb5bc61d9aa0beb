"""A sampler whose rows contain their addresses, and helpers of the tests of banks."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import polars
import torch
from numpy.typing import ArrayLike
from polars.testing import assert_frame_equal

from gen_augment import SampleBank
from gen_augment.data.labels import LabelCodec
from gen_augment.modalities import ImageCodec, Table

LABELS = np.array(["a", "b", "c"])


class Tell:
    """A sampler of rows (address, class code, seed) that counts them and delays each call."""

    def __init__(
        self,
        *,
        labels: ArrayLike = LABELS,
        prior: ArrayLike = (0.5, 0.3, 0.2),
        seed: int = 7,
        delay: float = 0,
    ) -> None:
        self.codec_: Any = Table().fit(np.array([[0.0, 0.0, 0.0], [9.0, 9.0, 9.0]]))[0]
        self.label_codec_, _ = LabelCodec.fit(labels)
        self.classes_ = self.label_codec_.classes
        self.class_prior_ = np.array(prior, dtype=float)
        self.seed_ = seed
        self.delay = delay
        self.generated = 0

    def fingerprint(self) -> str:
        return "tell"

    def generate(self, index: ArrayLike, y: ArrayLike, *, seed: int | None = None) -> np.ndarray:
        time.sleep(self.delay)
        where = np.asarray(index)
        self.generated += len(where)
        codes = np.broadcast_to(self.label_codec_.encode(y), where.shape)
        return np.stack(
            [where, codes, np.full(where.shape, self.seed_ if seed is None else seed)], axis=1
        ).astype(float)


class Pictures(Tell):
    """Images of 28 x 28 px with their address as grey level."""

    def __init__(self) -> None:
        super().__init__()
        self.codec_ = ImageCodec.fit(np.zeros((1, 28, 28), np.uint8))[0]

    def generate(self, index: ArrayLike, y: ArrayLike, *, seed: int | None = None) -> np.ndarray:
        self.generated += np.size(index)
        grey = (np.asarray(index) % 251).astype(np.uint8)
        return np.broadcast_to(grey[:, None, None], (len(grey), 28, 28)).copy()


def everything(bank: SampleBank) -> np.ndarray:
    """Return the positions of all rows."""
    return np.arange(len(bank))


def files_of(path: Path) -> dict[str, bytes]:
    """Return the content of all files in a folder."""
    return {
        str(file.relative_to(path)): file.read_bytes()
        for file in sorted(path.rglob("*"))
        if file.is_file()
    }


def assert_same_rows(found: Any, expected: Any) -> None:
    """Assert that container, dtype and values are the same."""
    assert type(found) is type(expected)
    assert len(found) == len(expected)
    if isinstance(expected, pd.DataFrame):
        pd.testing.assert_frame_equal(found, expected)
    elif isinstance(expected, polars.DataFrame):
        assert_frame_equal(found, expected)
    elif isinstance(expected, list):
        assert [(image.mode, image.size) for image in found] == [
            (image.mode, image.size) for image in expected
        ]
        assert [image.tobytes() for image in found] == [image.tobytes() for image in expected]
    elif isinstance(expected, torch.Tensor):
        assert found.dtype == expected.dtype
        assert torch.equal(found, expected)
    else:
        assert found.dtype == expected.dtype
        np.testing.assert_array_equal(found, expected)


@contextmanager
def at_each_line(files: tuple[str, ...], act: Callable[[int], None]) -> Iterator[None]:
    """Call ``act(k)`` before the k-th line that runs in one of these files of the package."""
    import sys

    count = 0

    def trace(frame: Any, event: str, _: Any) -> Any:
        nonlocal count
        if not frame.f_code.co_filename.endswith(files):
            return None
        if event == "line":
            act(count)
            count += 1
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        yield
    finally:
        sys.settrace(before)
