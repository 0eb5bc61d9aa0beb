"""Networks of recordings: those of images, on log-mel spectrograms."""

from typing import ClassVar

import torch
from torch import Tensor

from gen_augment.modalities.image.generators import ImageNetworks

__all__ = ["AudioNetworks"]


class AudioNetworks(ImageNetworks):
    """Convolutional networks on spectrograms."""

    source_dtype: ClassVar[torch.dtype] = torch.float32

    def mirror(self, x: Tensor) -> Tensor:
        """Return `x`: a recording that is played backwards has another meaning."""
        return x
