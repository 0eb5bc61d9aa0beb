"""`SyntheticReplace` for audiomentations: recordings of a bank in the place of some real ones.

A Compose of audiomentations knows no labels, so the label of each recording is said before::

    replace = SyntheticReplace(bank, p=0.3)
    pipeline = Compose([replace, AddGaussianSNR()])
    replace.label = label
    samples = pipeline(samples, sample_rate=8000)
"""

import os
import random
from typing import Any

import numpy as np

from gen_augment.bank import SampleBank
from gen_augment.errors import InputError, MissingDependencyError
from gen_augment.inject.image_replacement import NO_ROW, draw_row
from gen_augment.inject.row_labels import label_value
from gen_augment.modalities import AudioCodec
from gen_augment.validation import check_range

try:
    from audiomentations.core.transforms_interface import BaseWaveformTransform
except ImportError as error:
    raise MissingDependencyError(
        "gen_augment.inject.audiomentations needs audiomentations: pip install "
        "'gen_augment[audio]'."
    ) from error

__all__ = ["SyntheticReplace"]


class SyntheticReplace(BaseWaveformTransform):  # type: ignore[misc] # no types
    """Replace a recording by one of a bank that has its label, with a probability.

    The row gets the length of the recording: it is cut, or padded with zeros. It is drawn with
    Python's `random`, as all transforms of audiomentations are. A recording whose label has no
    rows in the bank is kept.

    Parameters
    ----------
    bank : SampleBank or path
        Of recordings with the rate and the channels of those here.
    p : float in [0, 1]
        Share of recordings that are replaced.

    Attributes
    ----------
    label : number or str
        Label of the next recording. It is forgotten after each call.

    Raises
    ------
    InputError
        The label is not said, or rate, channels or label do not match the bank.

    Examples
    --------
    >>> import tempfile
    >>> from audiomentations import Compose
    >>> from gen_augment import BootstrapSampler
    >>> from gen_augment.modalities import Audio
    >>> tones = np.sin(np.arange(2000) * np.array([[0.3], [0.9]])).astype("float32")
    >>> sampler = BootstrapSampler(modality=Audio(sample_rate=8000)).fit(tones, ["low", "high"])
    >>> bank = SampleBank.build(sampler, 4, tempfile.mkdtemp() + "/tones")
    >>> replace = SyntheticReplace(bank, p=1.0)
    >>> replace.label = "low"
    >>> Compose([replace])(tones[0, :1500], sample_rate=8000).shape
    (1500,)
    """

    supports_multichannel = True

    def __init__(self, bank: SampleBank | str | os.PathLike[str], p: float = 0.5) -> None:
        super().__init__(check_range("p", p, 0, 1))
        self.bank = bank if isinstance(bank, SampleBank) else SampleBank(bank)
        codec = getattr(self.bank, "codec_", None)
        if not isinstance(codec, AudioCodec):
            raise InputError(
                f"the rows of {self.bank.path} have a {type(codec).__name__}: give a bank of "
                "recordings."
            )
        self._codec = codec
        self.label: Any = None

    def __call__(self, samples: np.ndarray, sample_rate: int) -> np.ndarray:
        """Return the recording, or one of the bank, as float32 in [-1, 1]."""
        try:
            changed: np.ndarray = super().__call__(samples, sample_rate)
        finally:
            self.label = None
        return changed

    def randomize_parameters(self, samples: np.ndarray, sample_rate: int) -> None:
        """Draw whether the recording is replaced, and by which row."""
        if self.label is None:
            raise InputError(
                "SyntheticReplace needs the label of each recording: say replace.label = ... "
                "before the call."
            )
        self._check(samples, sample_rate)
        self.parameters = {"should_apply": random.random() < self.p}  # noqa: S311 # no secret
        if self.parameters["should_apply"]:
            value = label_value(self.label)
            self.parameters["row"] = draw_row(self.bank, "same", value, random.randrange)

    def apply(self, samples: np.ndarray, sample_rate: int) -> np.ndarray:
        """Return the row that was drawn, in the shape of the recording."""
        row = self.parameters["row"]
        if row == NO_ROW:
            return samples
        found = _as_floats(np.asarray(self.bank[row][0]))
        made = np.zeros_like(samples, dtype=np.float32)
        n = min(found.shape[-1], samples.shape[-1])
        made[..., :n] = found[..., :n]
        return made

    def get_transform_init_args(self) -> dict[str, Any]:
        """Return the arguments to serialize."""
        return {"bank": str(self.bank.path), "p": self.p}

    def _check(self, samples: np.ndarray, sample_rate: int) -> None:
        if samples.dtype.kind != "f":
            raise InputError(
                f"the recording is {samples.dtype}: give floats in [-1, 1], as audiomentations "
                "expects them."
            )
        known = self._codec.scale.sample_rate
        if sample_rate != known:
            raise InputError(
                f"the recording has {sample_rate} Hz and the bank {known}: resample one of them."
            )
        channels = samples.shape[0] if samples.ndim > 1 else 1
        if (
            channels != self._codec.n_channels
            or (samples.ndim > 1) != self._codec.form.has_channels
        ):
            raise InputError(
                f"the recording has shape {samples.shape}, and recordings of the bank have "
                f"{self._codec.n_channels} channel(s): give the axes that were fitted."
            )


def _as_floats(samples: np.ndarray) -> np.ndarray:
    """Return samples in [-1, 1]: whole numbers are divided by the largest of their dtype."""
    if samples.dtype.kind == "f":
        return samples.astype(np.float32)
    limits = np.iinfo(samples.dtype)
    middle = 0 if limits.min else (limits.max + 1) / 2
    found: np.ndarray = ((samples - middle) / (limits.max + 1 - middle)).astype(np.float32)
    return found
