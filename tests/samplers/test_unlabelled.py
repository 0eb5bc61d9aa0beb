"""Inferred labels of unlabelled rows, against the true labels."""

import numpy as np
import pytest
import torch

from gen_augment import ConditionalVAE
from gen_augment.data.sources import load_data
from gen_augment.modalities import Image
from gen_augment.samplers import unlabelled


def test_shifts_improve_inferred_labels(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    digits = load_data("digits").rows
    order = np.random.default_rng(0).permutation(len(digits.y))
    few = np.concatenate([order[digits.y[order] == digit][:5] for digit in range(10)])
    others = order[~np.isin(order, few)][:1000]
    sampler = ConditionalVAE(max_steps=1, width=4, device="cpu").fit(digits.X[few], digits.y[few])
    x = sampler.codec_.encode(digits.X[np.append(few, others)])
    y = torch.from_numpy(np.append(digits.y[few], np.full(len(others), -1)))

    def right(shift: float) -> float:
        monkeypatch.setattr(type(Image.networks), "label_steps", 400)
        monkeypatch.setattr(unlabelled, "SHIFT", shift)
        found = unlabelled.infer_labels(
            x, y, sampler.spec_, seed=0, device=torch.device("cpu")
        ).numpy()
        assert (found[: len(few)] == digits.y[few]).all()
        return float((found[len(few) :] == digits.y[others]).mean())

    assert right(unlabelled.SHIFT) > right(0.0) + 0.02
