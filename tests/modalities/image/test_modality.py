"""Images as a modality: what is recognised, shown and compared."""

from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image as PILImage

from gen_augment import InputError
from gen_augment.modalities import DataSpec, Image, Reading
from gen_augment.modalities.image.latents import LatentCodec
from tests.conftest import toy_images


@pytest.mark.parametrize(
    "X, reading",
    [
        (np.zeros((3, 8, 8), np.uint8), Reading.CERTAIN),
        (np.zeros((3, 8, 8, 3), np.uint8), Reading.CERTAIN),
        ([PILImage.new("L", (8, 8))], Reading.CERTAIN),
        (np.zeros((10, 100, 12)), Reading.POSSIBLE),
        (np.zeros((3, 8)), Reading.NO),
        (["a"], Reading.NO),
    ],
)
def test_recognition(X: Any, reading: Reading) -> None:
    assert Image().recognise(X) is reading


def test_sheets_are_values_from_0_to_1() -> None:
    codec, rows = Image().fit(toy_images(4, channels=4)[0])
    sheet = Image().sheet(codec, rows, 2)
    assert sheet.shape == (24, 24, 3)  # a fourth channel is not shown
    assert 0 <= sheet.min() < sheet.max() <= 1
    codec, rows = Image().fit(toy_images(1)[0])
    np.testing.assert_allclose(Image().sheet(codec, rows, 1), (rows[0, 0].numpy() + 1) / 2)


def test_digests_depend_on_the_values_only() -> None:
    X = toy_images(3)[0]
    known = Image().digests(X)
    assert len(set(known)) == 3
    assert Image().digests(X.astype(np.int32)).tolist() == known.tolist()
    assert Image().digests(torch.from_numpy(X)).tolist() == known.tolist()
    X[1, 0, 0] += 1
    assert (Image().digests(X) != known).tolist() == [False, True, False]


def test_paths_that_are_no_folder_are_left_to_others(tmp_path: Any) -> None:
    (tmp_path / "a.csv").write_text("x\n1\n")
    assert Image().read(tmp_path / "a.csv", None) is None


def test_options_say_what_differs_from_the_defaults() -> None:
    assert Image().options() == {}
    given = Image("skip", image_size=32, center_crop=False, latent="learned")
    assert given.options() == {
        "on_error": "skip", "image_size": (32, 32), "center_crop": False, "latent": "learned",
    }  # fmt: skip
    assert Image(**given.options()) == given
    assert Image(image_size=32) != Image(image_size=32, latent="learned")
    assert repr(Image(image_size=32)) == "Image(image_size=(32, 32))"
    with pytest.raises(InputError, match="center_crop='yes' is not one of True, False"):
        Image(center_crop="yes")  # type: ignore[arg-type]
    with pytest.raises(InputError, match="is not the folder of an autoencoder"):
        Image(latent="no-folder")


def test_rows_of_any_size_are_gathered_and_encoded() -> None:
    modality = Image(image_size=(16, 24))
    X = [np.full((3, 20 + i, 30), i / 4, np.float32) for i in range(4)]
    codec, rows = modality.fit(X)
    assert rows.shape == (4, 3, 16, 24)
    assert torch.allclose(codec.encode(X[1:3]), rows[1:3])
    assert codec.modality == modality
    assert codec.decode(rows).shape == (4, 3, 16, 24)


@pytest.mark.parametrize("size", [None, 16])
@pytest.mark.parametrize("shape", [(4, 16, 16), (4, 16, 16, 3)])
def test_files_and_arrays_of_the_same_pixels_are_compared(shape: Any, size: int | None) -> None:
    array = np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)
    pictures = [PILImage.fromarray(image) for image in array]
    for X, other in ((array, pictures), (pictures, array)):
        codec, rows = Image(image_size=size).fit(X)
        gathered = codec.modality.gather(other)
        assert type(gathered) is type(X)
        assert torch.equal(codec.encode(gathered), rows)
        assert codec.modality == Image(image_size=size)
    latent, rows = LatentCodec.fit(array, "learned")
    assert torch.equal(latent.encode(latent.modality.gather(pictures)), rows)


def test_the_default_classifier_takes_large_photographs() -> None:
    codec, rows = Image().fit(np.random.default_rng(0).random((2, 200, 300, 3)))
    network = Image().classifier(DataSpec.of(codec, 3))()
    assert network(rows).shape == (2, 3)
    assert sum(p.numel() for p in network.parameters()) < 5e6
