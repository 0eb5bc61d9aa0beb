"""Folders of ``.wav`` and ``.flac`` files, read and written with soundfile."""

import math
import os
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from gen_augment.errors import InputError, MissingDependencyError
from gen_augment.modalities.audio.spectrogram import MelScale, around_zero, middle
from gen_augment.modalities.class_folders import listed, write_class_folders
from gen_augment.modalities.file_rows import FileRows
from gen_augment.modalities.series.files import as_arrays
from gen_augment.user_warnings import warn

__all__ = ["read_folder", "write_folder"]

SUFFIXES = (".wav", ".flac")
#: Recordings that are not read: compressed ones, and AIFF.
OTHER_FORMATS = (".mp3", ".ogg", ".opus", ".m4a", ".aac", ".wma", ".aiff", ".aif")


class Recording(NamedTuple):
    """One file: samples of shape (length,) or (channels, length), and their rate."""

    path: Path
    samples: np.ndarray
    rate: int


def soundfile() -> Any:
    """Import soundfile, or say how to install it."""
    try:
        import soundfile as package  # type: ignore[import-untyped]
    except (ImportError, OSError) as error:
        raise MissingDependencyError(
            "audio files need soundfile: pip install 'gen_augment[audio]'."
        ) from error
    return package


def read_folder(folder: Path, modality: Any) -> FileRows | None:
    """Read a folder of class folders, or of files whose names hold their labels.

    Parameters
    ----------
    folder : Path
    modality : Audio
        Its `sample_rate`, `mono` and `label_from` say what to do with the files.

    Returns
    -------
    FileRows or None
        With a list of arrays, int16 where all files hold 16 bits and else float32; None if there
        are no recordings.

    Raises
    ------
    InputError
        Files cannot be read, which are listed, or have several rates or numbers of channels; or all
        recordings are in another format.
    """
    if not folder.is_dir():
        return None
    found = _visible_files(folder)
    files = sorted(p for p in found if p.suffix.lower() in SUFFIXES)
    others = sorted(p for p in found if p.suffix.lower() in OTHER_FORMATS)
    if not files:
        # Class folders with other files too may be those of another modality.
        if others and {p for p in found if p.parent != folder} <= set(others):
            raise InputError(
                f"{folder} has no .wav or .flac files, but {len(others)} recordings such as "
                f"{others[0]}: convert them to .wav or .flac."
            )
        return None
    _warn_of_others(folder, files, others)
    labels = [_label(folder, file, modality.label_from) for file in files]
    recordings = _open_all(folder, files)
    recordings, notes = _same_channels(folder, recordings, modality.mono)
    rate, recordings, resampled = _same_rate(folder, recordings, modality.sample_rate)
    _check_samples(folder, recordings, rate)
    options = modality.options() | {"sample_rate": rate}
    X = [recording.samples for recording in recordings]
    return FileRows(X, np.array(labels), type(modality)(**options), notes=(*notes, *resampled))


def _visible_files(folder: Path) -> list[Path]:
    """Return all files except hidden ones and those in hidden folders below `folder`.

    A link without a target is among them, so that it is reported as unreadable.
    """
    found = []
    for root, inner, names in os.walk(folder):
        inner[:] = [name for name in inner if not name.startswith(".")]
        found += [Path(root, name) for name in names if not name.startswith(".")]
    return found


def _warn_of_others(folder: Path, files: list[Path], others: list[Path]) -> None:
    """Warn of recordings in other formats, and of class folders without any that is read."""
    if others:
        warn(
            f"{folder}: {len(others)} recordings in other formats such as {others[0]} are left "
            "out: convert them to .wav or .flac.",
        )
    kept = {file.relative_to(folder).parts[0] for file in files}
    empty = [p.name for p in sorted(folder.iterdir()) if p.is_dir() and p.name not in kept]
    if empty := [name for name in empty if not name.startswith(".")]:
        warn(
            f"{folder}: the folders {empty[:10]} have no .wav or .flac files and are left out.",
        )


def _check_samples(folder: Path, recordings: list[Recording], rate: int) -> None:
    """Raise `InputError` for files that cannot be encoded; the codec would not know their names."""
    errors, least = [], MelScale(rate, 1, 1).hop
    for path, samples, _ in recordings:
        if samples.shape[-1] < least:
            errors.append(f"{path}: it has {samples.shape[-1]} of at least {least} samples")
        elif samples.dtype.kind == "f" and not np.isfinite(samples).all():
            errors.append(f"{path}: it has samples that are NaN or infinite")
    if errors:
        raise InputError(
            f"{folder} has {len(errors)} file(s) that cannot be used. Repair or remove "
            f"them:\n{listed(errors)}"
        )


def _label(folder: Path, file: Path, pattern: str | None) -> str:
    if pattern is not None:
        return _label_in_name(file, pattern)
    if file.parent == folder:
        raise InputError(
            f"{file} is in no class folder: put recordings in one folder for each class, or say "
            "where their names hold the label, such as "
            'Audio(label_from="{label}_{speaker}_{take}").'
        )
    return file.relative_to(folder).parts[0]


def _label_in_name(file: Path, pattern: str) -> str:
    """Return the label in the name of a file, which may be read in one way only."""
    parts = re.split(r"\{(\w+)\}", pattern)  # text and names in turn
    names = parts[1::2]
    if (
        "label" not in names
        or len(set(names)) < len(names)
        or not all(map(str.isidentifier, names))
    ):
        raise InputError(
            f"label_from={pattern!r} names no label, or two parts alike: write {{label}} where "
            "it is, as in '{label}_{speaker}_{take}'."
        )
    # The longest label that fits, and a shorter one if there is any.
    longest = re.fullmatch(_expression(parts, label="", other="?"), file.stem)
    shorter = re.fullmatch(_expression(parts, label="?", other=""), file.stem)
    if longest is None or shorter is None:
        raise InputError(f"{file} does not fit label_from={pattern!r}: rename or remove it.")
    if longest["label"] != shorter["label"]:
        raise InputError(
            f"{file} fits label_from={pattern!r} with the label {shorter['label']!r} and with "
            f"{longest['label']!r}: rename it, or put recordings in one folder for each class."
        )
    return longest["label"]


def _expression(parts: list[str], *, label: str, other: str) -> str:
    """Return a regular expression, in which "?" makes the label or the others short."""
    return "".join(
        f"(?P<{part}>.+{label if part == 'label' else other})" if i % 2 else re.escape(part)
        for i, part in enumerate(parts)
    )


def _open_all(folder: Path, files: list[Path]) -> list[Recording]:
    sf = soundfile()
    recordings, errors = [], []
    for path in files:
        try:
            with sf.SoundFile(path) as file:
                dtype = "int16" if file.subtype == "PCM_16" else "float32"
                samples, rate = file.read(dtype=dtype, always_2d=True).T, file.samplerate
        except (sf.SoundFileError, RuntimeError, OSError) as error:
            errors.append(f"{path}: {error}")
            continue
        if samples.shape[1] == 0:
            errors.append(f"{path}: it has no samples")
        elif _is_cut(path):
            errors.append(f"{path}: it is shorter than its header says")
        recordings.append(Recording(path, samples[0] if len(samples) == 1 else samples, rate))
    if errors:
        raise InputError(
            f"{folder} has {len(errors)} file(s) that cannot be read as recordings. Replace or "
            f"remove them:\n{listed(errors)}"
        )
    if any(recording.samples.dtype != np.int16 for recording in recordings):
        return [r._replace(samples=_as_floats(r.samples)) for r in recordings]
    return recordings


def _is_cut(path: Path) -> bool:
    """Return whether a RIFF file ends before the size in its header, of which libsndfile is silent.

    A size of 0, or the largest one, is that of a recording whose length was not known.
    """
    with path.open("rb") as file:
        name, size = file.read(4), int.from_bytes(file.read(4), "little")
    return name == b"RIFF" and 0 < size < 2**32 - 1 and path.stat().st_size < size + 8


def _as_floats(samples: np.ndarray) -> np.ndarray:
    return samples.astype(np.float32) / 32768 if samples.dtype == np.int16 else samples


def _same_channels(
    folder: Path, recordings: list[Recording], mono: bool
) -> tuple[list[Recording], list[str]]:
    counts = [1 if r.samples.ndim == 1 else len(r.samples) for r in recordings]
    if len(set(counts)) == 1 and not mono:
        return recordings, []
    several = [r for r, n in zip(recordings, counts, strict=True) if n > 1]
    if not mono:
        raise InputError(
            f"{folder} has recordings of {sorted(set(counts))} channels, such as "
            f"{several[0].path}: say Audio(mono=True) to average the channels."
        )
    mixed = [r if n == 1 else r._replace(samples=_mean(r.samples)) for r, n in
             zip(recordings, counts, strict=True)]  # fmt: skip
    return mixed, [f"the channels of {len(several)} recordings were averaged"] if several else []


def _mean(samples: np.ndarray) -> np.ndarray:
    return _as_dtype(samples.mean(axis=0), samples.dtype)


def _as_dtype(samples: np.ndarray, dtype: np.dtype[Any]) -> np.ndarray:
    if dtype.kind == "f":
        return samples.astype(dtype)
    limits = np.iinfo(dtype)
    found: np.ndarray = np.rint(samples).clip(limits.min, limits.max).astype(dtype)
    return found


def _same_rate(
    folder: Path, recordings: list[Recording], rate: int | None
) -> tuple[int, list[Recording], list[str]]:
    rates = sorted({r.rate for r in recordings})
    if rate is None and len(rates) > 1:
        first = [next(r.path for r in recordings if r.rate == found) for found in rates[:2]]
        raise InputError(
            f"{folder} has recordings at {rates} Hz, such as {first[0]} and {first[1]}: say "
            f"Audio(sample_rate={rates[0]}) to resample them to one rate."
        )
    rate = rates[0] if rate is None else rate
    other = sum(r.rate != rate for r in recordings)
    note = f"{other} of {len(recordings)} recordings were resampled to {rate} Hz"
    same = [r if r.rate == rate else _resampled(r, rate) for r in recordings]
    return rate, same, [note] if other else []


def _resampled(recording: Recording, rate: int) -> Recording:
    from scipy.signal import resample_poly

    shared = math.gcd(recording.rate, rate)
    samples = recording.samples
    found = resample_poly(samples.astype(np.float64), rate // shared, recording.rate // shared, -1)
    return recording._replace(samples=_as_dtype(found, samples.dtype), rate=rate)


def write_folder(folder: Path, parts: Iterable[tuple[Any, Any]], codec: Any) -> None:
    """Write recordings that arrive in parts as ``LABEL/000000.wav`` and so on.

    Integers are stored with their number of bits, silence at 0 where they are unsigned. Those of
    64 bits, which no file holds, are stored with 16 or 32 if the fitted range has no more.
    """
    sf, rate = soundfile(), codec.scale.sample_rate

    def save(path: Path, row: np.ndarray) -> None:
        samples, subtype = _storable(row, codec)
        sf.write(path, samples.T, rate, subtype=subtype)

    write_class_folders(folder, ((as_arrays(X), y) for X, y in parts), ".wav", save)


def _storable(samples: np.ndarray, codec: Any) -> tuple[np.ndarray, str]:
    """Return samples in a dtype that soundfile can write, and how it stores them."""
    if samples.dtype.kind not in "iu":
        is_double = samples.dtype == np.float64
        return (samples, "DOUBLE") if is_double else (samples.astype(np.float32), "FLOAT")
    bits = 8 * samples.dtype.itemsize
    silence, samples = middle(samples.dtype.name), around_zero(samples)
    if bits == 8:  # soundfile writes the upper 8 of 16 bits
        return samples.astype(np.int16) * 256, "PCM_U8"
    if bits == 64:
        reach = max(silence - codec.low, codec.high - silence + 1)
        bits = next((few for few in (16, 32) if reach <= 2 ** (few - 1)), 64)
    if bits == 64:
        return samples / 2.0**63, "DOUBLE"
    return samples.astype(f"int{bits}"), f"PCM_{bits}"
