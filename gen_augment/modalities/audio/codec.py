"""Encoding of recordings: cepstra of log-mel spectrograms, and the length of each recording."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from typing import Any, Self

import numpy as np
import torch
from torch import Tensor

from gen_augment.containers import concatenate
from gen_augment.errors import InputError
from gen_augment.modalities.audio.cepstra import Cepstra
from gen_augment.modalities.audio.phase import griffin_lim, power_from_mels
from gen_augment.modalities.audio.spectrogram import (
    RANGE_DB,
    MelScale,
    around_zero,
    middle,
    to_unit,
)
from gen_augment.modalities.base import Codec, Modality, check_equal
from gen_augment.modalities.image.pixels import DTYPES, element
from gen_augment.modalities.registry import get_modality
from gen_augment.modalities.series.codec import SeriesCodec
from gen_augment.modalities.series.forms import STACKED, Form, first_bad, read_series
from gen_augment.types import JSON
from gen_augment.validation import check_choice

__all__ = ["AudioCodec"]

#: Recordings of similar length that are transformed together.
CHUNK = 16
#: Smaller deviations are rounding errors of numbers that do not vary.
SMALLEST = 1e-6


@dataclass(frozen=True)
class AudioCodec(Codec):
    """Encoding of recordings as cepstra of log-mel spectrograms, and back by Griffin and Lim.

    Spectrograms are in [-1, 1]: 1 is the loudest power that was fitted, and -1 is 80 dB below it.
    Their cosine coefficients, see `Cepstra`, are encoded with mean 0. If lengths differ, the last
    number is the logarithm of the length. Decoded values are clipped to the range that was fitted,
    and lengths to the fitted lengths.

    Attributes
    ----------
    form : Form
        Container, dtype and axes of decoded recordings.
    options : dict
        Options of `Audio`.
    lengths : tuple of int
        Shortest and longest length in samples.
    low, high : float
        Range of the samples.
    n_channels : int
    loudest : float
        Decibels of the loudest power, of samples in the fitted range.
    mean, unit : tuple of float
        What each number is before it is encoded as 0, and what it has to change by to be encoded
        as 1.

    Examples
    --------
    >>> from gen_augment.modalities import Audio
    >>> tones = [np.sin(np.arange(n) * 0.5) for n in (2000, 3000)]
    >>> codec, rows = Audio(sample_rate=8000).fit(tones)
    >>> rows.shape, [len(tone) for tone in codec.decode(rows)]
    (torch.Size([2, 641]), [2000, 3000])
    """

    form: Form
    options: JSON
    lengths: tuple[int, int]
    low: float
    high: float
    n_channels: int
    loudest: float
    mean: tuple[float, ...]
    unit: tuple[float, ...]

    @cached_property
    def modality(self) -> Modality:
        """The audio modality with the options that were fitted."""
        audio: Any = type(get_modality("audio"))
        made: Modality = audio(**self.options)
        return made

    @cached_property
    def scale(self) -> MelScale:
        """The spectrogram that encodes a recording."""
        given: Any = self.modality
        return MelScale(given.sample_rate, given.n_mels, given.n_frames)

    @cached_property
    def _cepstra(self) -> Cepstra:
        """The transform of a spectrogram."""
        return Cepstra(self.scale.n_mels, self.scale.n_frames)

    @property
    def _has_length(self) -> bool:
        """Whether the last encoded number is the length."""
        return self.lengths[0] < self.lengths[1]

    @property
    def one_shape(self) -> bool:  # type: ignore[override]
        """Whether all recordings have one length."""
        return not self._has_length

    @property
    def shape(self) -> tuple[int, ...]:  # type: ignore[override]
        """``(channels * cepstra,)``; one number more if lengths differ."""
        return (self.n_channels * self._cepstra.size + self._has_length,)

    @classmethod
    def fit(cls, X: Any, options: JSON, scale: MelScale) -> tuple[Self, Tensor]:
        """Learn form, lengths and range of `X`; return the codec and the encoded recordings.

        Raises
        ------
        InputError
            These are not recordings that can be encoded.
        """
        if len(X) == 0:
            raise InputError("X has no recordings: Found array with 0 sample(s).")
        form, values, lengths = read_series(X)
        _check(values, lengths, scale)
        low, high = float(values.min()), float(values.max())
        power = _mel_power(around_zero(values), lengths, scale)
        peak = float(power.max())
        if peak <= 0:
            raise InputError("all recordings of X are silent: give some that have sound.")
        codec = cls(
            form, options, (int(lengths.min()), int(lengths.max())), low, high, values.shape[1],
            10 * math.log10(peak), (), (),
        )  # fmt: skip
        numbers = codec._numbers(power, lengths)
        units = _units(numbers.std(dim=0, correction=0), codec.n_channels * codec._cepstra.size)
        codec = replace(codec, mean=tuple(numbers.mean(dim=0).tolist()), unit=tuple(units.tolist()))
        return codec, codec._scaled(numbers)

    def encode(self, X: Any) -> Tensor:
        """Encode recordings of the fitted form as a float32 Tensor of shape (n, *shape).

        Lengths beyond the fitted ones are encoded as the nearest of these.
        """
        if len(X) == 0:
            return torch.empty(0, *self.shape, device="cpu")
        values, lengths = self.read(X)
        power = _mel_power(values, lengths, self.scale)
        return self._scaled(self._numbers(power, lengths))

    def read(self, X: Any) -> tuple[np.ndarray, np.ndarray]:
        """Return samples (n, C, L) around zero, and lengths; check the fitted form."""
        form, values, lengths = read_series(X)
        if form.has_channels != self.form.has_channels or values.shape[1] != self.n_channels:
            raise InputError(
                f"recordings were fitted with {self.n_channels} channel(s), got an array of shape "
                f"{values.shape}: give the fitted channels and axes."
            )
        dtypes = {element(form.dtype), element(self.form.dtype)}
        if len(dtypes) > 1 and not all("float" in dtype for dtype in dtypes):
            raise InputError(
                f"recordings were fitted as {self.form.dtype}, got {form.dtype}: convert them to "
                "the fitted range."
            )
        if self.form.container in STACKED and set(lengths.tolist()) != {self.lengths[1]}:
            raise InputError(
                f"recordings were fitted with {self.lengths[1]} samples, got {lengths[0]}: cut or "
                "pad them, or fit a list."
            )
        _check(values, lengths, self.scale)
        return around_zero(values), lengths

    @torch.no_grad()
    def decode(self, rows: Tensor) -> Any:
        """Decode a Tensor of shape (n, *shape) into recordings of the fitted form."""
        spectra, lengths = self.spectra(rows), self._lengths_of(rows)
        waves = torch.zeros(len(rows), self.n_channels, self.lengths[1], device=rows.device)
        # One at a time: the last bit would depend on the other recordings of a batch.
        for wave, spectrum, length in zip(waves, spectra, lengths, strict=True):
            wave[:, : int(length)] = self._waves(spectrum[None], length[None])[0]
        dtype = element(self.form.dtype)
        values = (waves.double() if dtype == "float64" else waves) + middle(dtype)
        return self.form.build(values.clamp(self.low, self.high), lengths.cpu().numpy())

    def decode_parts(self, parts: Iterable[Tensor]) -> Any:
        """Decode part by part; spectra take more memory than waveforms."""
        decoded = [self.decode(part) for part in parts]
        if not decoded:
            return self.decode(torch.empty(0, *self.shape, device="cpu"))
        return concatenate(decoded)

    def pack(self, X: Any) -> np.ndarray:
        """Turn decoded recordings into an array of numbers."""
        return self._packing.pack(X)

    def unpack(self, array: np.ndarray) -> Any:
        """Turn an array that `pack` returned into recordings."""
        return self._packing.unpack(array)

    @cached_property
    def _packing(self) -> SeriesCodec:
        unit = ((0.0,) * self.n_channels, (1.0,) * self.n_channels)
        low, high = ((end,) * self.n_channels for end in (self.low, self.high))
        return SeriesCodec(self.form, self.lengths, low, high, *unit)

    def joined(self, others: Sequence[Any]) -> Self:
        """Return an encoding with the lengths and ranges of all; form and options must agree."""
        codecs = (self, *others)
        for field in ("form", "options", "n_channels"):
            check_equal(f"recordings' {field}", [getattr(codec, field) for codec in codecs])
        if self.form.container in STACKED:
            check_equal("lengths", [codec.lengths for codec in codecs])
        lengths = min(c.lengths[0] for c in codecs), max(c.lengths[1] for c in codecs)
        n = self.n_channels * self._cepstra.size
        mean, unit = (
            np.mean([getattr(codec, name)[:n] for codec in codecs], axis=0).tolist()
            for name in ("mean", "unit")
        )
        if lengths[0] < lengths[1]:
            low, high = map(math.log, lengths)
            mean, unit = [*mean, (low + high) / 2], [*unit, (high - low) / 2]
        return replace(
            self,
            lengths=lengths,
            low=min(c.low for c in codecs),
            high=max(c.high for c in codecs),
            loudest=max(c.loudest for c in codecs),
            mean=tuple(mean),
            unit=tuple(unit),
        )

    def to_json(self) -> JSON:
        """Return all fields as JSON values."""
        return asdict(self)

    @classmethod
    def from_json(cls, record: JSON) -> Self:
        """Rebuild a codec from `to_json`; raise for values that do not fit together."""
        tuples = {name: tuple(record[name]) for name in ("lengths", "mean", "unit")}
        codec = cls(**{**record, **tuples, "form": Form.from_json(record["form"])})
        check_choice("dtype", element(codec.form.dtype), DTYPES)
        shortest, longest = codec.lengths
        numbers = (codec.low, codec.high, codec.loudest, *codec.mean, *codec.unit)
        fits = codec.scale.hop <= shortest <= longest and codec.n_channels >= 1
        fits = fits and (len(codec.mean),) == (len(codec.unit),) == codec.shape
        if not fits or not all(map(math.isfinite, numbers)) or codec.low > codec.high:
            raise InputError(f"{codec} does not describe recordings.")
        return codec

    def spectra(self, rows: Tensor) -> Tensor:
        """Return the log-mel spectrograms of encoded rows: (n, n_channels, n_mels, n_frames)."""
        n = self.n_channels * self._cepstra.size
        cepstra = self._unscaled(rows)[:, :n].view(len(rows), self.n_channels, self._cepstra.size)
        return self._cepstra.inverse(cepstra).clamp(-1, 1)

    def _numbers(self, power: Tensor, lengths: np.ndarray) -> Tensor:
        """Return cepstra and lengths before they are scaled: float64."""
        cepstra = self._cepstra.of(to_unit(power, self.loudest).double()).flatten(1)
        if not self._has_length:
            return cepstra
        low, high = self.lengths
        logs = torch.from_numpy(lengths).double().clamp(low, high).log()
        return torch.cat([cepstra, logs[:, None]], dim=1)

    def _scaled(self, numbers: Tensor) -> Tensor:
        mean, unit = (numbers.new_tensor(part) for part in (self.mean, self.unit))
        return ((numbers - mean) / unit).float()

    def _unscaled(self, rows: Tensor) -> Tensor:
        rows = rows.double()
        mean, unit = (rows.new_tensor(part) for part in (self.mean, self.unit))
        return rows * unit + mean

    def _lengths_of(self, rows: Tensor) -> Tensor:
        shortest, longest = self.lengths
        if not self._has_length:
            return torch.full((len(rows),), longest, device=rows.device)
        logs = self._unscaled(rows)[:, -1].clamp(math.log(shortest), math.log(longest))
        return logs.exp().round().long()

    def _waves(self, rows: Tensor, lengths: Tensor) -> Tensor:
        """Return waveforms (B, C, longest) of spectrograms, zero after their ends."""
        spectra = rows.float().flatten(0, 1)  # (B * C, n_mels, n_frames)
        each = lengths.repeat_interleave(self.n_channels)
        longest = int(lengths.max())
        # Silent windows after the longest recording make all ends alike, whatever the others are.
        padded = longest + self.scale.n_fft
        decibels = (self.scale.unstretch(spectra, each, padded) - 1) / 2 * RANGE_DB
        # Silence is 0, not 80 dB below the loudest power.
        mels = torch.where(decibels > 0.5 - RANGE_DB, 10 ** (decibels / 10), 0.0)
        times = torch.arange(mels.shape[2], device=rows.device) * self.scale.hop
        mels = mels * (times <= each[:, None])[:, None]
        magnitude = power_from_mels(mels, self.scale.filters.to(rows.device)).sqrt()
        waves = griffin_lim(magnitude, self.scale, padded) * 10 ** (self.loudest / 20)
        inside = torch.arange(longest, device=rows.device) < each[:, None]
        found: Tensor = waves[:, :longest] * inside
        return found.view(len(rows), self.n_channels, longest)


def _units(deviation: Tensor, n_cepstra: int) -> Tensor:
    """Return the units of encoded numbers with these deviations; lengths come after the cepstra.

    Of a cepstrum it is the geometric mean of its own deviation and that of all cepstra: with one
    unit for all, networks would neglect detail, and with variances of 1 they would learn little
    else.
    """
    units = deviation.clone()
    cepstra = deviation[:n_cepstra]
    units[:n_cepstra] = (cepstra * cepstra.square().mean().sqrt()).sqrt()
    return torch.where(deviation > SMALLEST, units, 1)


def _mel_power(values: np.ndarray, lengths: np.ndarray, scale: MelScale) -> Tensor:
    """Return mel power (n, C, n_mels, n_frames) of padded samples (n, C, L)."""
    n, channels = values.shape[:2]
    power = torch.empty(n, channels, scale.n_mels, scale.n_frames, device="cpu")
    order = np.argsort(lengths, kind="stable")
    for start in range(0, n, CHUNK):
        part = order[start : start + CHUNK]
        longest = int(lengths[part].max())
        waves = torch.from_numpy(values[part, :, :longest].astype(np.float32))
        each = torch.from_numpy(lengths[part]).repeat_interleave(channels)
        found = scale.spectrogram(_cut(waves.flatten(0, 1), each), each)
        power[torch.from_numpy(part)] = found.view(len(part), channels, *found.shape[1:])
    return power


def _cut(waves: Tensor, lengths: Tensor) -> Tensor:
    return waves * (torch.arange(waves.shape[1]) < lengths[:, None])


def _check(values: np.ndarray, lengths: np.ndarray, scale: MelScale) -> None:
    """Raise `InputError` for samples that are not finite, and for recordings that are too short."""
    if values.dtype.kind == "f" and not np.isfinite(values).all():
        number, channel, step, what, n_bad = first_bad(~np.isfinite(values), values)
        raise InputError(
            f"recording {number} of X has {what} at sample {step} of channel {channel}, and "
            f"{n_bad} recordings have such samples: repair or drop them."
        )
    if lengths.min() < scale.hop:
        number = int(lengths.argmin())
        raise InputError(
            f"recording {number} of X has {lengths[number]} sample(s), and {scale.hop} are the "
            f"fewest that can be encoded at {scale.sample_rate} Hz: drop it or pad it."
        )
