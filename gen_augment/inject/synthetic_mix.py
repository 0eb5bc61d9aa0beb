"""`SyntheticMix`: synthetic rows in one batch, like MixUp and CutMix of torchvision."""

from typing import Any

import numpy as np
import torch
from torch import nn

from gen_augment.inject.batch_mixer import EpochMixer, MixSettings
from gen_augment.inject.batch_plan import Part, Position
from gen_augment.inject.batch_view import BatchView, Keys, check_keys
from gen_augment.inject.label_mix import LabelMix, check_label_mix, check_numeric_labels
from gen_augment.inject.row_source import check_source
from gen_augment.inject.row_stream import RowTransform
from gen_augment.types import SupportsSample
from gen_augment.validation import check_range

__all__ = ["SyntheticMix"]


class SyntheticMix(nn.Module):
    """Replace a share of each batch by synthetic rows: ``(x, y) -> (x, y)``.

    Use it like `torchvision.transforms.v2.MixUp` and `CutMix`: in a `collate_fn` or after
    the loader, alone or inside `v2.RandomChoice`. It draws from torch's global generator, so
    `torch.manual_seed` repeats a run, and workers and epochs differ.

    Parameters
    ----------
    source : fitted sampler or SampleBank
        In a DataLoader's worker, a bank or a sampler on the CPU.
    ratio : float in [0, 1]
        Share of the rows to replace, rounded up or down at random so that it is exact on
        average.
    labels : {"same", "prior", "balanced"} or {label: share}
        Labels of synthetic rows: those of the rows replaced, drawn from the source's class
        prior, drawn uniformly, or drawn in proportion to these shares. Class probabilities
        are kept by "same", which generates a row of the most probable class. Apply this
        before `MixUp` and `CutMix`, because a row mixed by them would keep both classes.
    keys : (inputs, labels), optional
        As in `augment_loader`.
    transform : callable, optional
        Applied to each synthetic row; must return a Tensor like the rows of the batch, or a
        dict of Tensors where a row has several inputs.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from gen_augment import ConditionalVAE
    >>> images = torch.from_numpy(load_digits().images).float().unsqueeze(1) / 16
    >>> y = torch.from_numpy(load_digits().target)
    >>> sampler = ConditionalVAE(max_steps=2, random_state=0, device="cpu").fit(images, y)
    >>> x, labels = SyntheticMix(sampler, ratio=0.5)(images[:8], y[:8])
    >>> x.shape, labels.tolist()
    (torch.Size([8, 1, 8, 8]), [0, 1, 2, 3, 4, 5, 6, 7])
    """

    def __init__(
        self,
        source: SupportsSample,
        *,
        ratio: float = 0.5,
        labels: LabelMix = "same",
        keys: Keys | None = None,
        transform: RowTransform | None = None,
    ) -> None:
        super().__init__()
        check_source(source)
        check_numeric_labels(source)
        check_range("ratio", ratio, 0, 1)
        check_label_mix(source, labels)
        check_keys(keys)
        self.source = source
        self.ratio = ratio
        self.labels = labels
        self.keys = keys
        self.transform = transform

    def forward(self, *inputs: Any) -> Any:
        """Take and return ``(x, y)``, as two arguments or one batch.

        Parameters
        ----------
        *inputs
            One batch, or its entries; `y` holds class labels, or class probabilities.
        """
        batch: Any = inputs if len(inputs) > 1 else inputs[0]
        view = BatchView.of(batch, self.keys)
        # One number from the global generator; the rest follows from it.
        seed = int(torch.randint(2**62, (), device="cpu"))
        n = min(len(view), int(self.ratio * len(view) + np.random.default_rng(seed).random()))
        if n == 0:
            return batch
        settings = MixSettings(
            self.source, n / len(view), "replace", self.labels, self.keys, self.transform, seed=seed
        )
        position = Position(0, 0, len(view))
        mixer = EpochMixer(settings, position, view, device=view.device, expected=n)
        return mixer.mix(view, [Part.whole(position)])

    def extra_repr(self) -> str:
        """Return what `repr` shows in parentheses."""
        return f"source={type(self.source).__name__}, ratio={self.ratio}, labels={self.labels!r}"
