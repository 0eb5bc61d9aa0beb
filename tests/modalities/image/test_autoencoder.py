"""Autoencoders: principal components against scikit-learn, and folders of diffusers."""

import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from sklearn.decomposition import PCA
from torch import Tensor
from torch.nn import functional as F

from gen_augment import ArchiveError, InputError
from gen_augment.modalities.image.autoencoder import Autoencoder
from gen_augment.modalities.image.lapping import lapped, lapping

SIZE = (24, 32)


def smooth(n: int, channels: int) -> Tensor:
    """Random images with more low than high frequencies, in [-1, 1]."""
    generator = torch.Generator().manual_seed(0)
    coarse = torch.randn(n, channels, 6, 8, generator=generator)
    images = F.interpolate(coarse, SIZE, mode="bicubic") + 0.1 * torch.randn(
        n, channels, *SIZE, generator=generator
    )
    return images / images.abs().amax()


@pytest.mark.parametrize("channels", [1, 3, 4])
def test_components_are_those_of_scikit_learn(channels: int) -> None:
    x = smooth(20, channels)
    x = x - x.mean(dim=(0, 2, 3), keepdim=True)
    matrix = lapping()
    patches = _patches(lapped(x, matrix))
    # Ours subtracts one mean for each channel, and sees mirror images: so does PCA of all four.
    both = torch.cat([patches, _patches(lapped(x.flip(3), matrix))])
    pca = PCA(5).fit(torch.cat([both, -both]).numpy())
    autoencoder = Autoencoder.learn([x[:7], x[7:], -x], 5)
    latent = autoencoder.encode(x)
    assert latent.shape == (20, 5, 3, 4)
    decoded = _patches(lapped(autoencoder.decode(latent, SIZE), matrix))
    expected = torch.from_numpy(pca.inverse_transform(pca.transform(patches.numpy())))
    ours, theirs = ((each - patches).square().mean() for each in (decoded, expected))
    assert ours.item() == pytest.approx(theirs.item(), rel=1e-3)
    both_ways = torch.cat([latent, autoencoder.encode(x.flip(3))])
    variances = both_ways.square().mean(dim=(0, 2, 3))
    assert np.allclose(variances, pca.explained_variance_, rtol=0.01)


def _patches(x: Tensor) -> Tensor:
    return F.pixel_unshuffle(x, 8).permute(0, 2, 3, 1).flatten(0, 2)


def test_all_components_give_images_back_of_any_size() -> None:
    x = smooth(9, 1)[:, :, :21, :30]
    autoencoder = Autoencoder.learn([x], 64)
    latent = autoencoder.encode(x)
    assert latent.shape == (9, *autoencoder.latent_shape((21, 30)))
    assert torch.allclose(autoencoder.decode(latent, (21, 30)), x, atol=1e-5)


@pytest.mark.parametrize("channels", [1, 3])
def test_errors_of_a_latent_image_make_no_edges(channels: int) -> None:
    images = F.interpolate(smooth(20, channels), scale_factor=3, mode="bicubic")
    autoencoder = Autoencoder.learn([images], 8)
    latent, size = autoencoder.encode(images), (72, 96)
    noise = torch.randn(latent.shape, generator=torch.Generator().manual_seed(0))
    noisy = latent + noise * latent.std(dim=(0, 2, 3), keepdim=True)

    def edges() -> float:
        """Steps of the error between patches, as a multiple of those beside them."""
        errors = autoencoder.decode(noisy, size) - autoencoder.decode(latent, size)
        steps = errors.diff(dim=3).abs().mean(dim=(0, 1, 2))
        return float(steps[7::8].mean() / torch.cat([steps[6::8], steps[8::8]]).mean())

    assert edges() < 1.3
    autoencoder.network.unlapping = torch.eye(8)
    assert edges() > 2
    autoencoder = Autoencoder.learn([images], 8)
    torch.testing.assert_close(
        autoencoder.decode(autoencoder.mirror(latent), size),
        autoencoder.decode(latent, size).flip(3), atol=1e-5, rtol=0,
    )  # fmt: skip


@pytest.mark.parametrize("channels", [1, 3])
def test_mirror_images_have_mirrored_latent_images(channels: int) -> None:
    x = smooth(9, channels)
    autoencoder = Autoencoder.learn([x], 7)
    latent = autoencoder.encode(x)
    assert not torch.allclose(latent.flip(3), autoencoder.encode(x.flip(3)), atol=1e-2)
    assert torch.allclose(autoencoder.mirror(latent), autoencoder.encode(x.flip(3)), atol=1e-4)


def test_learning_does_not_depend_on_the_batches() -> None:
    x = smooth(12, 3)
    one, several = (Autoencoder.learn(batches, 4) for batches in ([x], x.split(5)))
    parts = [torch.tensor(a.record["components"]) for a in (one, several)]
    assert torch.allclose(*parts, atol=1e-5)


def test_it_is_pickled_and_compared_as_its_record() -> None:
    autoencoder = Autoencoder.learn([smooth(4, 1)], 3)
    _ = autoencoder.network
    copied = pickle.loads(pickle.dumps(autoencoder))
    assert copied == autoencoder
    assert hash(copied) == hash(autoencoder)
    assert copied != Autoencoder.learn([smooth(4, 1)], 2)
    assert "3 principal components" in repr(copied)


def test_another_number_of_channels_is_refused() -> None:
    autoencoder = Autoencoder.learn([smooth(4, 4)], 3)
    with pytest.raises(InputError, match="images of 4 channels, and these have 3"):
        autoencoder.encode(smooth(2, 3))


def save_tiny(folder: Path, which: str, **options: Any) -> Path:
    diffusers = pytest.importorskip("diffusers")
    torch.manual_seed(0)
    if which == "AutoencoderKL":
        model = diffusers.AutoencoderKL(
            down_block_types=["DownEncoderBlock2D"] * 3,
            up_block_types=["UpDecoderBlock2D"] * 3,
            block_out_channels=[8, 8, 8],
            norm_num_groups=4,
            latent_channels=4,
        )
    else:
        model = diffusers.AutoencoderTiny(
            encoder_block_out_channels=(8, 8, 8),
            decoder_block_out_channels=(8, 8, 8),
            num_encoder_blocks=(1, 1, 1),
            num_decoder_blocks=(1, 1, 1),
        )
    model.save_pretrained(folder, **options)
    return folder


@pytest.mark.parametrize("which", ["AutoencoderKL", "AutoencoderTiny"])
def test_folders_of_diffusers_encode_as_diffusers_does(tmp_path: Path, which: str) -> None:
    folder = save_tiny(tmp_path / "vae", which)
    opened = Autoencoder.open(tmp_path)  # the folder of a pipeline
    assert opened == Autoencoder.open(folder)
    x = smooth(2, 3)
    model = opened.network.model
    with torch.no_grad():
        found = model.encode(x)
        expected = found.latent_dist.mean if which == "AutoencoderKL" else found.latents
        image = model.decode(expected).sample
    latent = opened.encode(x)
    assert torch.equal(latent, expected)
    assert latent.shape[1:] == opened.latent_shape(SIZE) == (4, 6, 8)
    assert torch.equal(opened.decode(latent, SIZE), image)
    grey = opened.encode(x[:, :1])
    assert opened.decode(grey, SIZE, 1).shape == (2, 1, *SIZE)


def test_a_folder_that_changed_or_went_away_is_named(tmp_path: Path) -> None:
    folder = save_tiny(tmp_path / "a", "AutoencoderTiny")
    record = Autoencoder.open(folder).record
    weights = folder / "diffusion_pytorch_model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1] + b"!")
    with pytest.raises(ArchiveError, match="has other weights than the one that encoded the rows"):
        Autoencoder(record).encode(smooth(1, 3))
    folder.rename(tmp_path / "b")
    with pytest.raises(ArchiveError, match="which is not there: put it back"):
        Autoencoder(record).encode(smooth(1, 3))


def test_folders_of_anything_else_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="is not the folder of an autoencoder"):
        Autoencoder.open(tmp_path)
    (tmp_path / "config.json").write_text('{"_class_name": "os.system"}')
    with pytest.raises(InputError, match=r"holds a os\.system, which is not one of AutoencoderKL"):
        Autoencoder.open(tmp_path)
    pickled = save_tiny(tmp_path / "pickled", "AutoencoderTiny", safe_serialization=False)
    with pytest.raises(InputError, match=r"no \.safetensors file, and nothing is unpickled"):
        Autoencoder.open(pickled)
    cut = save_tiny(tmp_path / "cut", "AutoencoderTiny")
    weights = cut / "diffusion_pytorch_model.safetensors"
    weights.write_bytes(weights.read_bytes()[:100])
    with pytest.raises(InputError, match="is not a readable autoencoder"):
        Autoencoder.open(cut)
