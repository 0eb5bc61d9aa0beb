"""Features of torchvision networks, from weights that are on this machine."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from torch import nn
from torchvision import models
from torchvision.transforms import v2

from gen_augment.errors import InputError
from gen_augment.filters import Novelty, Realism
from gen_augment.metrics import torchvision_features
from tests.conftest import toy_images, toy_table

SIZE = 64


@pytest.fixture(scope="module")
def network() -> nn.Module:
    torch.manual_seed(0)
    return models.resnet18(num_classes=5).eval()


def by_hand(network: Any, images: np.ndarray) -> np.ndarray:
    """Compute the features with torchvision's transforms and without the last layer."""
    prepare = v2.Compose(
        [
            v2.Grayscale(3) if images.shape[-1] == 1 else v2.Identity(),
            v2.ToDtype(torch.float32, scale=True),
            v2.Resize((SIZE, SIZE), antialias=True),
            v2.Normalize([0.485, 0.456, 0.406], [0.229, 0.224, 0.225]),
        ]
    )
    trunk = nn.Sequential(*list(network.children())[:-1])
    with torch.no_grad():
        out: np.ndarray = (
            trunk(prepare(torch.from_numpy(images).permute(0, 3, 1, 2))).flatten(1).numpy()
        )
    return out


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("suffix", ["pth", "safetensors"])
def test_features_are_the_input_of_the_last_layer(
    network: nn.Module, channels: int, suffix: str, tmp_path: Path
) -> None:
    X, y = toy_images(12, channels=channels)
    path = tmp_path / f"weights.{suffix}"
    torch.save(network.state_dict(), path) if suffix == "pth" else save_file(
        network.state_dict(), path
    )
    gate = Realism(features=torchvision_features("resnet18", path, size=SIZE), k=1).fit(X, y)
    np.testing.assert_allclose(gate.features_(X), by_hand(network, X), rtol=1e-3, atol=1e-4)
    assert gate.keep(X, y).all()


def test_a_users_model_is_not_changed(network: nn.Module) -> None:
    X, y = toy_images(4, channels=3)
    state = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    gate = Novelty(features=network.train()).fit(X, y)
    assert gate.features_(X).shape == (4, 512)
    assert network.training
    assert not any(module._forward_pre_hooks for module in network.modules())
    assert all(
        torch.equal(tensor, state[name]) for name, tensor in network.eval().state_dict().items()
    )
    mean = Novelty(features=nn.AvgPool2d(12)).fit(X, y)  # other modules receive encoded images
    np.testing.assert_allclose(mean.features_(X), X.mean(axis=(1, 2)) / 127.5 - 1, atol=1e-4)


def test_a_name_loads_cached_weights(
    network: nn.Module, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    X, y = toy_images(4)
    with pytest.raises(
        InputError,
        match=r"no weights at .*checkpoints.resnet18-\w+\.pth, and nothing is downloaded",
    ):
        Novelty(features="resnet18").fit(X, y)
    kept = tmp_path / "hub" / "checkpoints" / Path(models.ResNet18_Weights.DEFAULT.url).name
    kept.parent.mkdir(parents=True)
    torch.save(network.state_dict(), kept)
    assert Novelty(features="resnet18").fit(X, y).features_(X).shape == (4, 512)


def test_bad_input_is_an_error(network: nn.Module, tmp_path: Path) -> None:
    torch.save(network, tmp_path / "pickled.pth")
    torch.save([1, 2], tmp_path / "list.pth")
    (tmp_path / "cut.pth").write_bytes(b"PK")
    for name, weights, message in (
        ("resnet19", {}, "neither 'auto' nor 'values' nor a torchvision classifier"),
        ("resnet18", tmp_path / "none.pth", "none.pth cannot be read"),
        ("resnet18", tmp_path / "pickled.pth", "pickled.pth cannot be read"),
        ("resnet18", tmp_path / "cut.pth", "cut.pth cannot be read"),
        ("resnet18", tmp_path / "list.pth", "holds a list"),
        ("resnet34", network.state_dict(), "do not fit resnet34"),
    ):
        with pytest.raises(InputError, match=message):
            torchvision_features(name, weights)
    with pytest.raises(InputError, match="ResNet needs images"):
        Novelty(features=network).fit(*toy_table())
