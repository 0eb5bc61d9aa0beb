"""The default classifier of recordings: the small CNN of images on a log-mel spectrogram."""

import torch
from torch import Tensor, nn

from gen_augment.modalities.audio.spectrogram import MelScale, to_unit
from gen_augment.modalities.image.networks import SmallCNN

__all__ = ["SpectrogramCNN", "sounding_lengths"]

#: Bands and frames that the classifier sees.
N_MELS, N_FRAMES = 40, 32


class SpectrogramCNN(nn.Module):
    """Waveforms (B, C, L) to logits (B, n_classes), through a log-mel spectrogram.

    Recordings end at their last sample that is not 0, and are stretched to a fixed number of
    frames. The power of all channels is averaged.

    Parameters
    ----------
    sample_rate, n_classes : int
    """

    def __init__(self, sample_rate: int, n_classes: int) -> None:
        super().__init__()
        self.scale = MelScale(sample_rate, N_MELS, N_FRAMES)
        self.cnn = SmallCNN((1, N_MELS, N_FRAMES), n_classes)

    def forward(self, x: Tensor) -> Tensor:
        logits: Tensor = self.cnn(self.spectrogram(x))
        return logits

    @torch.no_grad()
    def spectrogram(self, x: Tensor) -> Tensor:
        """Return log-mel spectrograms (B, 1, n_mels, n_frames) in [-1, 1]."""
        lengths = sounding_lengths(x).clamp(min=self.scale.hop)
        waves = x[:, :, : int(lengths.max())].float()
        each = lengths.repeat_interleave(x.shape[1])
        power = self.scale.spectrogram(waves.flatten(0, 1), each)
        return to_unit(power.view(*x.shape[:2], *power.shape[1:]).mean(dim=1, keepdim=True), 0.0)


def sounding_lengths(x: Tensor) -> Tensor:
    """Return the samples up to the last one that is not 0, of all channels: Tensor (B,)."""
    sounds = (x != 0).any(dim=1)
    places = torch.arange(1, x.shape[2] + 1, device=x.device)
    lengths: Tensor = (sounds * places).amax(dim=1)
    return torch.where(lengths > 0, lengths, x.shape[2])
