"""Inputs of a network that are encoded when a batch asks for them."""

import numpy as np
import pytest

from gen_augment.modalities.image.networks import SmallCNN
from gen_augment.study import Training
from gen_augment.study.arms import make_pool, parse_arm
from gen_augment.study.fitting import fit_predict
from gen_augment.study.parts import Parts
from tests.study.toys import Copies, centred_images, rows_of


@pytest.mark.parametrize("arm", ["real", "vae:1:soft", "vae:1:pretrain"])
def test_rows_that_would_not_fit_into_memory_give_the_same_network(
    arm: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    part, test = (rows_of(*centred_images(40, seed=seed)) for seed in (0, 1))
    parsed = parse_arm(arm, {"vae": Copies()})
    pool = make_pool(parsed, Parts(part, test, test), 0, lambda: 0.0)
    found = []
    for numbers in (2**29, 100):
        monkeypatch.setattr("gen_augment.study.encoding.MOST_NUMBERS", numbers)
        monkeypatch.setattr("gen_augment.study.encoding.PART_NUMBERS", 10 * numbers)
        training = Training(5, batch_size=8, device="cpu")
        predict = fit_predict(lambda: SmallCNN((1, 12, 12), 2), parsed, pool, part, 0, training)
        found.append(predict(test.X))
    np.testing.assert_allclose(*found, rtol=1e-5, atol=1e-7)
