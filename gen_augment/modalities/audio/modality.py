"""Recordings: waveforms with a sampling rate."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor, nn

from gen_augment.errors import InputError
from gen_augment.modalities.audio.classifier import SpectrogramCNN
from gen_augment.modalities.audio.codec import AudioCodec
from gen_augment.modalities.audio.generators import AudioNetworks
from gen_augment.modalities.audio.recipes import RECIPES
from gen_augment.modalities.audio.spectrogram import MelScale
from gen_augment.modalities.base import BatchStep, Codec, DataSpec, Modality, Reading
from gen_augment.modalities.file_rows import FileRows
from gen_augment.modalities.series import Series
from gen_augment.modalities.series.forms import may_be_series
from gen_augment.modalities.series.views import WaveformViews
from gen_augment.types import JSON
from gen_augment.validation import check_choice, check_positive_int

__all__ = ["Audio"]

#: Larger spectrograms do not fit in memory.
MOST = {"n_mels": 512, "n_frames": 4096}


class Audio(Modality):
    """Recordings of shape (n, length) or (n, channels, length), or lists of any lengths.

    Parameters
    ----------
    sample_rate : int, optional
        Samples in a second. Arrays need it. Files at another rate are resampled to it; without it,
        files must agree.
    n_mels, n_frames : int
        Bands and frames of the spectrogram that encodes a recording, at most 512 and 4096. More
        frames suit long recordings: they are spread evenly over each one.
    mono : bool
        Average the channels of files. Without it, files must agree in their number of channels.
    label_from : str, optional
        Where the name of a file holds its label, such as ``"{label}_{speaker}_{take}"`` for
        ``3_jackson_12.wav``. A name that fits with two labels is refused. By default, the label is
        the name of the folder.

    Examples
    --------
    >>> codec, rows = Audio(sample_rate=8000).fit(np.random.default_rng(0).normal(size=(3, 4000)))
    >>> rows.shape
    torch.Size([3, 640])
    """

    name = "audio"
    networks = AudioNetworks()
    learned_features = True
    views = WaveformViews(near_copy=0.1)
    recipes: ClassVar[Mapping[str, BatchStep]] = RECIPES

    def __init__(
        self,
        sample_rate: int | None = None,
        *,
        n_mels: int = 40,
        n_frames: int = 32,
        mono: bool = False,
        label_from: str | None = None,
    ) -> None:
        if sample_rate is not None:
            check_positive_int("sample_rate", sample_rate)
        for name, value in {"n_mels": n_mels, "n_frames": n_frames}.items():
            if check_positive_int(name, value) > MOST[name]:
                raise InputError(
                    f"{name}={value}: a spectrogram has at most {MOST[name]}; 20 to 128 are usual."
                )
        check_choice("mono", mono, (True, False))
        if not isinstance(label_from, str | None):
            raise InputError(
                f"label_from={label_from!r}: give a string such as '{{label}}_{{take}}'."
            )
        self.sample_rate = sample_rate
        self.n_mels, self.n_frames = n_mels, n_frames
        self.mono = mono
        self.label_from = label_from

    @property
    def _scale(self) -> MelScale:
        """The spectrogram that encodes a recording."""
        if self.sample_rate is None:
            raise InputError(
                "the sampling rate of X is not known: say modality=Audio(sample_rate=8000), with "
                "the samples of one second."
            )
        return MelScale(self.sample_rate, self.n_mels, self.n_frames)

    def recognise(self, X: Any) -> Reading:
        """Recognise nothing surely: arrays and lists may be series or tables too."""
        return Reading.POSSIBLE if may_be_series(X) else Reading.NO

    def gather(self, X: Any) -> Any:
        """Keep a list of recordings as it is, since their lengths may differ."""
        return Series().gather(X)

    def fit(self, X: Any) -> tuple[AudioCodec, Tensor]:
        """Learn form, lengths and loudness; return the codec and encoded recordings."""
        return AudioCodec.fit(X, self.options(), self._scale)

    def codec_from_json(self, record: JSON) -> AudioCodec:
        """Rebuild a codec from its `to_json`."""
        return AudioCodec.from_json(record)

    def digests(self, X: Any) -> np.ndarray:
        """Hash the samples of each recording, whatever their dtype."""
        return Series().digests(X)

    def classifier(self, spec: DataSpec) -> Callable[[], nn.Module]:
        """Return a function that makes a small CNN on log-mel spectrograms."""
        return partial(SpectrogramCNN, self._scale.sample_rate, spec.n_classes)

    def classifier_inputs(self, codec: Codec, X: Any) -> Callable[[Any], Tensor]:
        """Return what maps recordings to waveforms (n, C, longest), padded with zeros.

        The loudest power that was fitted is 1, and longer recordings are cut.
        """
        known: Any = codec
        return partial(_inputs, known)

    def default_arms(
        self, samplers: Iterable[str], *, mirror: bool = False, imbalanced: bool = False
    ) -> list[str]:
        """List baselines with the recipes, and each sampler with and without noise and echo."""
        alike = "oversample+" if imbalanced else ""
        return [
            "real",
            *(["oversample", "logit"] if imbalanced else []),
            *(f"{alike}{recipe}" for recipe in ("noise", "echo", "specaugment", "shift+noise")),
            *samplers,
            *(f"{s}+shift+noise" for s in samplers),
        ]

    def sheet(self, codec: Codec, rows: Tensor, columns: int) -> np.ndarray:
        """Draw spectrograms in lines of `columns`, low notes at the bottom."""
        from matplotlib import colormaps

        from gen_augment.modalities.image.display import as_sheet

        known: Any = codec
        first = known.spectra(rows)[:, :1].flip(2).float()
        first = torch.nn.functional.pad(first, (0, 2, 2, 0), value=1.0)
        grey = (as_sheet(first, columns).squeeze(-1).numpy() + 1) / 2
        coloured: np.ndarray = colormaps["magma"](grey)[..., :3]
        return coloured

    def read(self, path: Path, target: str | None) -> FileRows | None:
        """Read a folder of recordings; None if it has no ``.wav`` or ``.flac`` file."""
        from gen_augment.modalities.audio.files import read_folder

        return read_folder(path, self)

    def write(self, path: Path, parts: Iterator[tuple[Any, Any]], codec: Codec) -> None:
        """Write ``LABEL/000000.wav`` and so on into a new folder."""
        from gen_augment.modalities.audio.files import write_folder

        write_folder(path, parts, codec)


def _inputs(codec: AudioCodec, X: Any) -> Tensor:
    longest = codec.lengths[1]
    if len(X) == 0:
        return torch.empty(0, codec.n_channels, longest, device="cpu")
    values, lengths = codec.read(X)
    waves = torch.zeros(len(values), codec.n_channels, longest)
    found = torch.from_numpy(values[..., :longest].astype(np.float32))
    inside = torch.arange(found.shape[2]) < torch.from_numpy(lengths)[:, None, None]
    waves[..., : found.shape[2]] = found * inside * 10 ** (-codec.loudest / 20)
    return waves
