"""What several samplers have together: one encoding, the union of their classes, and shares.

With the weight ``w_s`` and the class prior ``p_s(c)`` of sampler ``s``, the joint model of source
and class is ``p(s, c) = w_s p_s(c)``. A row of class ``c`` comes from sampler ``s`` with
probability ``w_s p_s(c) / sum_t w_t p_t(c)``, so never from one that does not know the class.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np

from gen_augment.data import LabelCodec
from gen_augment.errors import InputError
from gen_augment.modalities import Codec
from gen_augment.modalities.base import check_equal

__all__ = ["Joint"]


@dataclass(frozen=True)
class Joint:
    """The rows and classes of several fitted samplers as those of one.

    Attributes
    ----------
    codec : Codec
        Encodes the rows of all.
    labels : LabelCodec
        The union of the classes.
    counts : ndarray of shape (n_classes,)
        Training rows of each class, over all samplers.
    prior : ndarray of shape (n_classes,)
    shares : ndarray of shape (n_classes, n_samplers)
        Probability of each sampler for a row of each class; lines sum to 1.
    """

    codec: Codec
    labels: LabelCodec
    counts: np.ndarray
    prior: np.ndarray
    shares: np.ndarray

    @classmethod
    def of(cls, parts: Sequence[Any], weights: np.ndarray) -> Self:
        """Join fitted samplers; `weights` sum to 1.

        Raises
        ------
        InputError
            Rows or labels cannot be joined, or a class has only samplers of weight 0.
        """
        first, *others = parts
        codec: Codec = first.codec_
        if any(part.codec_ is not codec for part in others):
            check_equal("modalities", [part.codec_.modality.name for part in parts])
            codec = codec.joined([part.codec_ for part in others])
        labels = first.label_codec_
        if any(part.label_codec_ is not labels for part in others):
            labels = labels.joined([part.label_codec_ for part in others])
        counts = np.zeros(len(labels.classes), np.int64)
        joint = np.zeros((len(labels.classes), len(parts)))
        for number, part in enumerate(parts):
            known = labels.encode(part.classes_)
            counts[known] += part.class_count_
            joint[known, number] = weights[number] * part.class_prior_
        prior = joint.sum(axis=1)
        if not prior.all():
            label = labels.classes[prior == 0].tolist()[0]
            raise InputError(
                f"class {label!r} is known to samplers of weight 0 only: give one of them a "
                "weight, or leave them out."
            )
        return cls(codec, labels, counts, prior, joint / prior[:, None])

    def choose(self, codes: np.ndarray, u: np.ndarray) -> np.ndarray:
        """Return the number of the sampler of each row, from uniform numbers in [0, 1)."""
        bounds = self.shares.cumsum(axis=1)[:, :-1]
        return np.asarray((u[:, None] >= bounds[codes]).sum(axis=1))
