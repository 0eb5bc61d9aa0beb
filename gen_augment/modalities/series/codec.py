"""Encoding of series: standardised channels, and a mask if lengths differ."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, Self

import numpy as np
import torch
from torch import Tensor

from gen_augment.errors import InputError
from gen_augment.modalities.base import Codec, Modality, check_equal
from gen_augment.modalities.image.pixels import DTYPES, element
from gen_augment.modalities.registry import get_modality
from gen_augment.modalities.series.forms import (
    CONTAINERS,
    STACKED,
    Form,
    first_bad,
    read_series,
)
from gen_augment.types import JSON
from gen_augment.validation import check_choice

__all__ = ["SeriesCodec"]

_LARGEST_INT, _LARGEST_FLOAT = 2**53, 1e30


@dataclass(frozen=True)
class SeriesCodec(Codec):
    """Encoding of series with any number of channels, of one length or of several.

    Each channel is encoded with mean 0 and variance 1; a constant one as 0. If lengths differ,
    series are padded with their last values, and one more channel is 1 up to the end of a series
    and -1 after it. Decoded values lie in the range of each channel that was fitted.

    Attributes
    ----------
    form : Form
        Container, dtype and axes of decoded series.
    lengths : tuple of int
        Shortest and longest length that was fitted.
    low, high, mean, scale : tuple of float
        Range, mean and standard deviation of each channel.

    Examples
    --------
    >>> codec, rows = SeriesCodec.fit([np.arange(5.0), np.arange(9.0)])
    >>> codec.lengths, tuple(rows.shape)
    ((5, 9), (2, 2, 9))
    >>> [len(row) for row in codec.decode(rows)]
    [5, 9]
    """

    form: Form
    lengths: tuple[int, int]
    low: tuple[float, ...]
    high: tuple[float, ...]
    mean: tuple[float, ...]
    scale: tuple[float, ...]

    @property
    def modality(self) -> Modality:
        """The modality of series."""
        return get_modality("series")

    @property
    def has_mask(self) -> bool:
        """Whether the last encoded channel says where a series ends."""
        return self.lengths[0] < self.lengths[1]

    @property
    def one_shape(self) -> bool:  # type: ignore[override]
        """Whether all series have one length."""
        return not self.has_mask

    @property
    def n_channels(self) -> int:
        """Channels of a decoded series."""
        return len(self.low)

    @property
    def shape(self) -> tuple[int, ...]:  # type: ignore[override]
        """``(channels, longest length)``; one channel more with a mask."""
        return self.n_channels + self.has_mask, self.lengths[1]

    @classmethod
    def fit(cls, X: Any) -> tuple[Self, Tensor]:
        """Learn the form of `X`; return the codec and the encoded series.

        Parameters
        ----------
        X : see `read_series`

        Raises
        ------
        InputError
            These are not series that can be encoded; steps are missing, for example.
        """
        if hasattr(X, "__len__") and len(X) == 0:
            raise InputError("X has no series: Found array with 0 sample(s).")
        form, values, lengths = read_series(X)
        if lengths.min() == 0:
            raise InputError(f"series {int(lengths.argmin())} of X has no steps: drop it.")
        if values.shape[1] == 0:
            raise InputError(f"X has shape {values.shape}: series need at least one channel.")
        inside = _inside(lengths, values.shape[2])
        _check_values(values, inside)
        channels = [values[:, c][inside].astype(np.float64) for c in range(values.shape[1])]
        low, high, mean = (tuple(float(f(v)) for v in channels) for f in (np.min, np.max, np.mean))
        scale = tuple(float(v.std()) if np.ptp(v) else 0.0 for v in channels)
        codec = cls(form, (int(lengths.min()), int(lengths.max())), low, high, mean, scale)
        return codec, codec._scaled(values, lengths)

    def encode(self, X: Any) -> Tensor:
        """Encode series of the fitted form as a float32 Tensor of shape (n, *shape).

        Longer series of a list are resampled to the longest fitted length by linear interpolation;
        all of them, if one length was fitted. Arrays must have the fitted length.
        """
        if len(X) == 0:
            return torch.empty(0, *self.shape, device="cpu")
        form, values, lengths = read_series(X)
        if form.has_channels != self.form.has_channels or values.shape[1] != self.n_channels:
            axes = ("length",) if not self.form.has_channels else (self.n_channels, "length")
            raise InputError(
                f"series were fitted with the shape {axes}, got {values.shape[1]} channels, shape "
                f"{values.shape}: give the fitted channels."
            )
        if ("float" in element(form.dtype)) != ("float" in element(self.form.dtype)):
            raise InputError(
                f"series were fitted as {self.form.dtype}, got {form.dtype}: convert them."
            )
        _check_values(values, _inside(lengths, values.shape[2]))
        return self._scaled(*self._fitting(values, lengths))

    def decode(self, rows: Tensor) -> Any:
        """Decode a Tensor of shape (n, *shape) into the fitted form.

        Values outside the fitted range are clipped. Tensors stay on their device.
        """
        values = rows[:, : self.n_channels].double()
        low, high = _columns(self.low, values), _columns(self.high, values)
        values = values * _columns(self.scale, values) + _columns(self.mean, values)
        return self.form.build(values.clamp(low, high), self.lengths_of(rows))

    def lengths_of(self, rows: Tensor) -> np.ndarray:
        """Return the lengths of encoded series: the ends that fit their masks best."""
        shortest, longest = self.lengths
        if not self.has_mask:
            return np.full(len(rows), longest)
        inside = rows[:, -1].double().cumsum(dim=1)[:, shortest - 1 :]
        found: np.ndarray = (inside.argmax(dim=1) + shortest).cpu().numpy()
        return found

    def pack(self, X: Any) -> np.ndarray:
        """Turn decoded series into an array of numbers; with a mask, into bytes and lengths."""
        if self.form.container == "tensor":
            array: np.ndarray = (
                (X.view(torch.int16) if X.dtype == torch.bfloat16 else X).cpu().numpy()
            )
            return array
        if self.form.container == "ndarray":
            return np.asarray(X)
        if len(X) == 0:
            size = 8 + self.n_channels * self.lengths[1] * np.dtype(self._stored_dtype).itemsize
            return np.zeros((0, size), np.uint8)
        values, lengths = self._fitting(*read_series(X)[1:])
        packed = np.zeros((len(values), self.n_channels, self.lengths[1]), self._stored_dtype)
        if self.form.dtype == "bfloat16":
            values = torch.from_numpy(values).bfloat16().view(torch.int16).numpy()
        packed[..., : values.shape[2]] = values
        return np.concatenate([_bytes(lengths.astype("<i8")), _bytes(packed)], axis=1)

    def unpack(self, array: np.ndarray) -> Any:
        """Turn an array that `pack` returned into decoded series; a Tensor shares its memory."""
        if self.form.container == "tensor":
            return self._as_tensor(array)
        if self.form.container == "ndarray":
            return array
        array = np.ascontiguousarray(array)
        lengths = np.ascontiguousarray(array[:, :8]).view("<i8")[:, 0]
        shape = (len(array), self.n_channels, self.lengths[1])
        values = np.ascontiguousarray(array[:, 8:]).view(self._stored_dtype).reshape(shape)
        is_tensor = self.form.item == "tensor"
        return self.form.collect(self._as_tensor(values) if is_tensor else values, lengths)

    def _fitting(self, values: np.ndarray, lengths: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return series of fitted lengths; those of a list are resampled where they are not."""
        longest = self.lengths[1]
        wrong = lengths > longest if self.has_mask else lengths != longest
        if not wrong.any():
            return values[..., :longest], lengths
        if self.form.container in STACKED:
            raise InputError(
                f"series were fitted with length {longest}, got {int(lengths[wrong][0])}: cut or "
                "resample them."
            )
        fitting = np.zeros((*values.shape[:2], longest))
        n = min(longest, values.shape[2])
        fitting[..., :n] = values[..., :n]
        fitting[..., n:] = values[..., n - 1 : n]
        for number in np.flatnonzero(wrong):
            known = np.linspace(0, 1, int(lengths[number]))
            for channel, row in enumerate(values[number, :, : len(known)]):
                fitting[number, channel] = np.interp(np.linspace(0, 1, longest), known, row)
        return fitting, np.where(wrong, longest, lengths)

    @property
    def feature_names(self) -> list[str] | None:  # type: ignore[override]
        """Names of the columns of a DataFrame, one for each step, if all are strings."""
        names = list(self.form.names or ()) if self.form.container == "wide" else []
        return names if names and all(isinstance(name, str) for name in names) else None

    @property
    def _stored_dtype(self) -> str:
        return "int16" if self.form.dtype == "bfloat16" else self.form.dtype

    def _as_tensor(self, array: np.ndarray) -> Tensor:
        tensor = torch.from_numpy(array)
        return tensor.view(torch.bfloat16) if self.form.dtype == "bfloat16" else tensor

    def joined(self, others: Sequence[Any]) -> Self:
        """Return an encoding with the lengths and ranges of all; the form must be the same."""
        codecs = (self, *others)
        check_equal("forms", [codec.form for codec in codecs])
        check_equal("numbers of channels", [codec.n_channels for codec in codecs])
        if self.form.container in STACKED:
            check_equal("lengths", [codec.lengths for codec in codecs])
        low, high, mean, scale = (
            np.array([getattr(codec, name) for codec in codecs])
            for name in ("low", "high", "mean", "scale")
        )
        # The law of total variance, in a form in which nothing cancels.
        spread = np.where(high.max(0) > low.min(0), np.sqrt((scale**2).mean(0) + mean.var(0)), 0)
        return replace(
            self,
            lengths=(min(c.lengths[0] for c in codecs), max(c.lengths[1] for c in codecs)),
            low=tuple(low.min(axis=0).tolist()),
            high=tuple(high.max(axis=0).tolist()),
            mean=tuple(mean.mean(axis=0).tolist()),
            scale=tuple(spread.tolist()),
        )

    def to_json(self) -> JSON:
        """Return all fields as JSON values."""
        return asdict(self)

    @classmethod
    def from_json(cls, record: JSON) -> Self:
        """Rebuild a codec from `to_json`; raise for values that do not fit together."""
        fields = {name: tuple(record[name]) for name in cls.__annotations__ if name != "form"}
        codec = cls(Form.from_json(record["form"]), **fields)
        codec._check()
        return codec

    def _check(self) -> None:
        check_choice("container", self.form.container, CONTAINERS)
        check_choice("dtype", element(self.form.dtype), DTYPES)
        shortest, longest = self.lengths
        if not 1 <= shortest <= longest:
            raise InputError(f"lengths={self.lengths} are not a range of lengths.")
        if self.has_mask and self.form.container in STACKED:
            raise InputError(f"one {self.form.container} cannot hold lengths={self.lengths}.")
        columns = np.array([self.low, self.high, self.mean, self.scale])  # raises if ragged
        if not (np.isfinite(columns).all() and columns.shape[1]):
            raise InputError("the codec's ranges are not finite numbers, one for each channel.")
        if (columns[0] > columns[1]).any() or (columns[3] < 0).any():
            raise InputError(f"{self.low} to {self.high} is not a range of values.")

    def _scaled(self, values: np.ndarray, lengths: np.ndarray) -> Tensor:
        mean = np.array(self.mean)[:, None]
        factor = np.array([1 / s if s else 0.0 for s in self.scale])[:, None]
        rows = np.zeros((len(values), *self.shape), np.float32)
        n, t = self.n_channels, values.shape[2]
        rows[:, :n, :t] = (values - mean) * factor
        rows[:, :n, t:] = rows[:, :n, t - 1 : t]
        if self.has_mask:
            rows[:, n] = np.where(_inside(lengths, self.lengths[1]), 1, -1)
        return torch.from_numpy(rows)


def _inside(lengths: np.ndarray, longest: int) -> np.ndarray:
    """Return which steps of padded series are in them: bool array of shape (n, longest)."""
    return np.arange(longest) < lengths[:, None]


def _check_values(values: np.ndarray, inside: np.ndarray) -> None:
    """Raise `InputError` for missing steps, and for values that cannot be represented."""
    if values.dtype.kind == "f":
        bad = ~np.isfinite(values) & inside[:, None]
        if bad.any():
            number, channel, step, what, n_bad = first_bad(bad, values)
            raise InputError(
                f"series {number} of X has {what} at step {step} of channel {channel}, and {n_bad} "
                "series have such steps: interpolate them, or drop those series."
            )
    limit = _LARGEST_INT if values.dtype.kind in "iu" else _LARGEST_FLOAT
    if (
        values.dtype != bool
        and values.size
        and max(-float(values.min()), float(values.max())) > limit
    ):
        raise InputError(
            f"X has values beyond {limit:g}, too large to be scaled: divide them first."
        )


def _columns(values: tuple[float, ...], like: Tensor) -> Tensor:
    return torch.tensor(values, dtype=like.dtype, device=like.device)[:, None]


def _bytes(array: np.ndarray) -> np.ndarray:
    return np.ascontiguousarray(array).reshape(len(array), -1).view(np.uint8)
