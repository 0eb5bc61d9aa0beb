"""Folders of images: what is read, what is skipped, and what is written."""

import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from gen_augment import ConditionalVAE, InputError
from gen_augment.modalities import Image as ImageModality
from gen_augment.modalities import ImageCodec
from gen_augment.modalities.image import open_folder
from gen_augment.modalities.image.files import open_image, read_folder, write_folder


def make_folder(root: Path, modes: dict[str, str], size: tuple[int, int] = (8, 9)) -> Path:
    """Two images of each class; grey values count through the classes."""
    for number, (name, mode) in enumerate(modes.items()):
        (root / name).mkdir(parents=True)
        for i in range(2):
            value = 100 * number + i if mode in "LI;16" else 5
            Image.new(mode, size, value).save(root / name / f"{i}.png")
    return root


def test_images_and_names_in_order(tmp_path: Path) -> None:
    folder = make_folder(tmp_path, {"cat": "L", "bee": "L"})
    (folder / "bee" / "inner").mkdir()
    Image.new("L", (8, 9), 7).save(folder / "bee" / "inner" / "0.png")
    (folder / "bee" / "notes.txt").write_text("not an image")
    images, labels = open_folder(folder)
    assert labels == ["bee", "bee", "bee", "cat", "cat"]
    assert [image.getpixel((0, 0)) for image in images] == [100, 101, 7, 0, 1]
    X, y = read_folder(folder)
    assert (X.shape, X.dtype) == ((5, 9, 8), np.uint8)
    assert y.tolist() == labels


def test_a_sampler_fitted_on_a_folder_gives_names_back(tmp_path: Path) -> None:
    sampler = ConditionalVAE(max_steps=1, width=4, device="cpu")
    sampler.fit(make_folder(tmp_path, {"cat": "L", "bee": "L"}))
    assert sampler.classes_.tolist() == ["bee", "cat"]
    images, labels = sampler.sample(y={"cat": 2})
    assert labels == ["cat", "cat"]
    assert (images[0].mode, images[0].size) == ("L", (8, 9))


@pytest.mark.parametrize(
    "modes, mode",
    [
        (("L", "L"), "L"),
        (("RGBA", "RGBA"), "RGBA"),
        (("L", "1"), "L"),
        (("L", "RGB"), "RGB"),
        (("RGB", "RGBA"), "RGB"),
        (("P", "RGB"), "RGB"),
    ],
)
def test_images_of_different_modes_become_rgb(
    tmp_path: Path, modes: tuple[str, str], mode: str
) -> None:
    images, _ = open_folder(make_folder(tmp_path, dict(zip("ab", modes, strict=True))))
    assert {image.mode for image in images} == {mode}


@pytest.mark.parametrize(
    "mode, opened",
    [("L", "L"), ("RGB", "RGB"), ("RGBA", "RGBA"), ("P", "RGB"), ("1", "L"), ("CMYK", "RGB")],
)
def test_modes_of_files(tmp_path: Path, mode: str, opened: str) -> None:
    suffix = "jpg" if mode == "CMYK" else "png"
    Image.new(mode, (8, 9)).save(tmp_path / f"a.{suffix}")
    assert open_image(tmp_path / f"a.{suffix}").mode == opened


def test_black_and_white_files_have_the_values_0_and_255(tmp_path: Path) -> None:
    image = Image.new("1", (8, 9))
    image.putpixel((2, 3), 1)
    image.save(tmp_path / "a.png")
    values = np.asarray(open_image(tmp_path / "a.png"))
    assert values[3, 2] == 255
    assert values.sum() == 255


def test_an_image_of_floats_is_named(tmp_path: Path) -> None:
    Image.fromarray(np.full((8, 9), 0.3, np.float32)).save(tmp_path / "a.tif")
    with pytest.raises(InputError, match=r"a\.tif is an image of floats.*or give arrays"):
        open_image(str(tmp_path / "a.tif"))


def test_grey_images_of_16_bits_become_an_array(tmp_path: Path) -> None:
    values = np.random.default_rng(0).integers(0, 2**16, (4, 9, 12), dtype=np.uint16)
    for number, image in enumerate(values):
        (tmp_path / "ab"[number % 2]).mkdir(exist_ok=True)
        suffix = ("png", "tif")[number // 2]
        Image.fromarray(image).save(tmp_path / "ab"[number % 2] / f"{number}.{suffix}")
    for read in (open_folder, read_folder):
        X, _ = read(tmp_path)
        assert (X.dtype, X.tolist()) == (np.uint16, values[[0, 2, 1, 3]].tolist())
    resized, _ = open_folder(tmp_path, image_size=8)
    assert (resized.shape, resized.dtype) == ((4, 8, 8), np.uint16)
    assert resized.max() > 255
    Image.new("L", (12, 9)).save(tmp_path / "a" / "grey.png")
    with pytest.raises(InputError, match=r"16 bits and images of mode \['L'\]: convert all"):
        open_folder(tmp_path)


def test_the_orientation_of_a_photograph_is_applied(tmp_path: Path) -> None:
    image = Image.new("RGB", (20, 10))
    image.putpixel((0, 0), (255, 255, 255))
    exif = Image.Exif()
    exif[0x0112] = 6  # the camera was turned: top left is to be shown top right
    image.save(tmp_path / "a.png", exif=exif)
    upright = open_image(tmp_path / "a.png")
    assert upright.size == (10, 20)
    assert upright.getpixel((9, 0)) == (255, 255, 255)


def test_animations_are_named_and_single_frames_are_read(tmp_path: Path) -> None:
    frames = [Image.new("RGB", (20, 10), colour) for colour in ("red", "blue")]
    frames[0].save(tmp_path / "a.gif", save_all=True, append_images=frames[1:])
    with pytest.raises(InputError, match=r"a\.gif is an animation of 2 frames"):
        open_image(tmp_path / "a.gif")
    frames[0].save(tmp_path / "b.gif")
    assert open_image(tmp_path / "b.gif").mode == "RGB"


def photographs(root: Path) -> Path:
    """Two classes of photographs of several sizes."""
    for number, size in enumerate([(40, 30), (25, 60), (200, 20), (30, 30)]):
        folder = root / ("cat", "dog")[number % 2]
        folder.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", size, (50 * number, 0, 0)).save(folder / f"{number}.jpg")
    return root


def test_photographs_are_brought_to_one_size(tmp_path: Path) -> None:
    folder = photographs(tmp_path)
    images, labels = open_folder(folder, image_size=(16, 24))
    assert {image.size for image in images} == {(24, 16)}
    assert labels == ["cat", "cat", "dog", "dog"]
    X, _ = read_folder(folder, image_size=16, center_crop=False)
    assert X.shape == (4, 16, 16, 3)
    with pytest.raises(
        InputError, match=r"several sizes, such as 40 x 30 and 200 x 20.*image_size"
    ):
        open_folder(folder)
    with pytest.raises(InputError, match=r"image_size=2000 is neither"):
        open_folder(folder, image_size=2000)


def test_all_that_cannot_be_used_is_listed_by_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 1_000_000)  # PIL refuses twice as many
    folder = photographs(tmp_path)
    (folder / "cat" / "empty.jpg").touch()
    Image.new("RGB", (1, 300)).save(folder / "cat" / "line.png")
    Image.new("L", (2_000, 1_500)).save(folder / "dog" / "bomb.png")
    Image.new("CMYK", (30, 40)).save(folder / "dog" / "print.jpg")
    Image.new("RGB", (40_000, 40)).save(folder / "dog" / "wide.png")
    with pytest.raises(InputError, match=r"has 3 file\(s\)(.|\n)*--skip-unreadable") as caught:
        open_folder(folder, image_size=16)
    for words in (
        "empty.jpg cannot be read as an image",
        "line.png: an image of 1 x 300 px is too small",
        "bomb.png cannot be read as an image: Image size (3000000 pixels) exceeds limit",
    ):
        assert words in str(caught.value)
    with pytest.warns(UserWarning, match=r"3 file\(s\) cannot be read and are left out"):
        images, labels = open_folder(folder, image_size=16, on_error="skip")
    assert (len(images), labels.count("dog")) == (6, 4)


def test_a_folder_that_is_nested_too_deep_is_named(tmp_path: Path) -> None:
    photographs(tmp_path / "images")
    with pytest.raises(InputError, match=r"one folder, 'images', whose images are in 2 folders: "):
        open_folder(tmp_path, image_size=16)


def test_a_class_of_one_photograph_is_named(tmp_path: Path) -> None:
    folder = photographs(tmp_path)
    (folder / "dog" / "1.jpg").unlink()
    sampler = ConditionalVAE(max_steps=1, modality=ImageModality(image_size=16))
    with pytest.raises(InputError, match=r"needs at least 2 rows in every class.*'dog': 1"):
        sampler.fit(folder)


def cut_short(path: Path, keep: int) -> None:
    noise = np.random.default_rng(0).integers(0, 255, (64, 64), dtype=np.uint8)
    Image.fromarray(noise).save(path)
    path.write_bytes(path.read_bytes()[:keep])


@pytest.mark.parametrize("keep", [0, 5, 60, 200])
def test_an_image_that_is_cut_short_is_named(tmp_path: Path, keep: int) -> None:
    folder = make_folder(tmp_path, {"a": "L", "b": "L"})
    cut_short(folder / "b" / "1.png", keep)
    with pytest.raises(InputError, match=r"1 file\(s\) that cannot be read(.|\n)*b/1\.png cannot"):
        open_folder(folder)


def test_all_unreadable_files_are_listed_up_to_ten(tmp_path: Path) -> None:
    folder = make_folder(tmp_path, {"a": "L", "b": "L"})
    for i in range(12):
        cut_short(folder / "b" / f"{i + 10}.png", i)
    with pytest.raises(InputError, match=r"has 12 file\(s\)") as caught:
        open_folder(folder)
    listed = [line for line in str(caught.value).splitlines() if "cannot be read as" in line]
    assert len(listed) == 10
    assert all(f"b{os.sep}{i + 10}.png" in line for i, line in enumerate(listed))
    assert "and 2 more" in str(caught.value)


def test_unreadable_files_can_be_left_out(tmp_path: Path) -> None:
    folder = make_folder(tmp_path, {"a": "L", "b": "L"})
    cut_short(folder / "a" / "1.png", 60)
    for read in (open_folder, read_folder):
        with pytest.warns(UserWarning, match=r"1 file\(s\) cannot be read and are left out"):
            X, y = read(folder, on_error="skip")
        assert len(X) == 3
        assert list(y) == ["a", "b", "b"]
    with pytest.raises(InputError, match="on_error='ignore' is not one of 'raise', 'skip'"):
        open_folder(folder, on_error="ignore")  # type: ignore[arg-type]


def test_a_folder_without_a_readable_file_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    cut_short(tmp_path / "a" / "0.png", 60)
    with pytest.raises(InputError, match="none of its 1 image files can be read"):
        open_folder(tmp_path, on_error="skip")


def test_hidden_folders_and_files_are_ignored(tmp_path: Path) -> None:
    folder = make_folder(tmp_path, {"a": "L", "b": "L", ".ipynb_checkpoints": "L"})
    Image.new("L", (8, 9)).save(folder / "a" / "._0.png")
    (folder / "b" / ".ipynb_checkpoints").mkdir()
    Image.new("L", (8, 9)).save(folder / "b" / ".ipynb_checkpoints" / "0.png")
    (folder / "__MACOSX").mkdir()
    (folder / "__MACOSX" / "0.png").write_bytes((folder / "a" / "0.png").read_bytes())
    with pytest.warns(
        UserWarning, match=r"hidden folders \['.ipynb_checkpoints', '__MACOSX'\] are ignored"
    ):
        _, labels = open_folder(folder)
    assert labels == ["a", "a", "b", "b"]


@pytest.mark.parametrize("make", ["nothing", "file", "no folders", "empty class"])
def test_a_path_that_is_not_a_folder_of_class_folders_is_named(tmp_path: Path, make: str) -> None:
    path = tmp_path / "data"
    if make == "file":
        path.write_text("x")
    elif make == "no folders":
        path.mkdir()
    elif make == "empty class":
        make_folder(path, {"a": "L"})
        (path / "b").mkdir()
    with pytest.raises(
        InputError, match="data' is not a folder of one folder of images for each class"
    ):
        open_folder(path)


@pytest.mark.parametrize(
    ("shape", "dtype"), [((9, 12, 4), np.uint8), ((9, 12), np.uint16), ((9, 12), ">u2")]
)
def test_pixels_are_written_and_read_as_they_are(
    shape: tuple[int, ...], dtype: Any, tmp_path: Path
) -> None:
    most = np.iinfo(dtype).max
    X = np.random.default_rng(0).integers(most // 3, most // 2, (3, *shape)).astype(dtype)
    write_folder(tmp_path / "out", [(X, ["a", "a", "b"])], ImageCodec.fit(X)[0])
    again, labels = read_folder(tmp_path / "out")
    np.testing.assert_array_equal(again, X)
    assert labels.tolist() == ["a", "a", "b"]


def test_values_that_no_file_can_have_are_stretched_with_a_warning(tmp_path: Path) -> None:
    X = np.linspace(-3, 5, 3 * 9 * 12).reshape(3, 9, 12)
    with pytest.warns(UserWarning, match="values from -3 to 5 become 0 to 255"):
        write_folder(tmp_path / "out", [(X, ["a", "a", "b"])], ImageCodec.fit(X)[0])
    again, _ = read_folder(tmp_path / "out")
    np.testing.assert_allclose(again, (X + 3) / 8 * 255, atol=0.5)
