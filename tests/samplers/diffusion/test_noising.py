"""Noisy rows against the closed forms of the papers."""

import pytest
import torch

from gen_augment import InputError
from gen_augment.samplers.diffusion.noising import Noising

diffusers = pytest.importorskip("diffusers")

X, NOISE = torch.full((3, 1, 2, 2), 2.0), torch.full((3, 1, 2, 2), -1.0)
U = torch.tensor([0.0, 0.5, 0.999])


@pytest.mark.parametrize("predicted", ["epsilon", "v_prediction", "sample"])
def test_diffusion(predicted: str) -> None:
    scheduler = diffusers.EulerDiscreteScheduler(prediction_type=predicted)
    found = Noising(scheduler)(X, NOISE, U)
    alphas = torch.cumprod(1 - torch.linspace(1e-4, 0.02, 1000), dim=0)
    a = alphas[torch.tensor([0, 500, 999])][:, None, None, None]
    assert found.t.tolist() == [0, 500, 999]
    torch.testing.assert_close(found.x, a.sqrt() * X + (1 - a).sqrt() * NOISE)
    targets = {"epsilon": NOISE, "sample": X, "v_prediction": a.sqrt() * NOISE - (1 - a).sqrt() * X}
    torch.testing.assert_close(found.target, targets[predicted].expand_as(found.target))


def test_flow_matching() -> None:
    found = Noising(diffusers.FlowMatchEulerDiscreteScheduler(shift=3.0))(X, NOISE, U)
    s = (found.t / 1000)[:, None, None, None]
    torch.testing.assert_close(found.x, (1 - s) * X + s * NOISE)
    torch.testing.assert_close(found.target, NOISE - X)
    middle = 1 - 500 / 1000  # of the schedule, which begins with noise
    assert found.t[1] == pytest.approx(1000 * 3 * middle / (1 + 2 * middle), rel=1e-2)


def test_an_unknown_target_is_refused() -> None:
    scheduler = diffusers.DDPMScheduler(prediction_type="epsilon")
    scheduler.register_to_config(prediction_type="other")
    with pytest.raises(InputError, match="prediction_type='other'"):
        Noising(scheduler)
