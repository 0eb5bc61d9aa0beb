"""Recordings.

`spectrogram` turns waveforms into log-mel spectrograms of one shape, `phase` turns these back,
`codec` encodes recordings with both, and `modality` is what the package asks.
"""

from gen_augment.modalities.audio.codec import AudioCodec
from gen_augment.modalities.audio.modality import Audio

__all__ = ["Audio", "AudioCodec"]
