"""Transforms for torchvision v2: replaced images, their rows and labels, and random numbers."""

import copy
import pickle
from collections import Counter, namedtuple
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image
from torch.utils.data import DataLoader, Dataset
from torchvision import tv_tensors
from torchvision.transforms import v2
from torchvision.transforms.v2._utils import _find_labels_default_heuristic

from gen_augment import (
    ConditionalGAN,
    ConditionalVAE,
    InputError,
    NotFittedError,
    SampleBank,
    WorkerDeviceError,
)
from gen_augment.inject.torchvision import SyntheticReplace, Vary
from tests.conftest import as_form, toy_images

Sample = namedtuple("Sample", "picture label")
COUNTS = {0: 30, 1: 10}


@pytest.fixture(scope="module")
def bank(image_sampler: ConditionalVAE, tmp_path_factory: pytest.TempPathFactory) -> SampleBank:
    """uint8 rows of shape (12, 12, 1), 30 of label 0 and 10 of label 1."""
    return SampleBank.build(image_sampler, COUNTS, tmp_path_factory.mktemp("banks") / "images")


@pytest.fixture(scope="module")
def named_bank(tmp_path_factory: pytest.TempPathFactory) -> SampleBank:
    """uint8 rows of shape (10, 12), labelled "down" and "up"."""
    sampler = ConditionalVAE(
        max_steps=2, batch_size=8, width=4, latent_dim=4, random_state=0, device="cpu"
    )
    return SampleBank.build(
        sampler.fit(*as_form("non-square")), 20, tmp_path_factory.mktemp("banks") / "named"
    )


def rows_of(bank: SampleBank, label: Any) -> set[bytes]:
    return {np.asarray(x).tobytes() for x, y in bank if y == label}


def bytes_of(image: Any) -> bytes:
    return np.asarray(image).tobytes()


def picture(value: int = 7) -> torch.Tensor:
    return torch.full((1, 12, 12), value, dtype=torch.uint8)


IMAGES = {
    "tensor": picture(),
    "tv": tv_tensors.Image(picture()),
    "pil": Image.fromarray(picture()[0].numpy()),
    "hw": picture()[0],
}
LABELS = [
    1,
    np.int64(1),
    np.uint8(1),
    torch.tensor(1),
    torch.tensor(1, dtype=torch.int32),
    torch.tensor(1.0),
    True,
]
WAYS = {
    "pair": lambda x, y: (x, y),
    "list": lambda x, y: [x, y],
    "named": Sample,
    "dict": lambda x, y: {"id": 1, "image": x, "Label": y, "more": torch.zeros(3, 3)},
    "labels": lambda x, y: {"label_names": "a b", "labels": y, "image": x},
    "nested": lambda x, y: (x, {"class_label": y, "path": "x.png", "sizes": [1, 1, 1]}),
}


def parts(sample: Any) -> tuple[Any, Any]:
    """Return image and label of a sample, and check that its other entries are unchanged."""
    if isinstance(sample, dict):
        assert [str(value) for key, value in sample.items() if key in ("id", "label_names")] in (
            ["1"],
            ["a b"],
        )
        return sample["image"], sample["Label" if "Label" in sample else "labels"]
    if isinstance(sample[1], dict):
        assert {**sample[1], "class_label": 0} == {
            "class_label": 0,
            "path": "x.png",
            "sizes": [1, 1, 1],
        }
        return sample[0], sample[1]["class_label"]
    return sample[0], sample[1]


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("image_form", IMAGES)
@pytest.mark.parametrize("labels", ["same", "prior", "balanced"])
def test_replaced_images_are_rows_of_their_label_in_the_form_of_the_sample(
    bank: SampleBank, way: str, image_form: str, labels: Any
) -> None:
    transform = SyntheticReplace(bank, p=1.0, labels=labels)
    known = {label: rows_of(bank, label) for label in (0, 1)}
    for label in LABELS:
        sample = WAYS[way](IMAGES[image_form], label)
        out = transform(sample)
        assert type(out) is type(sample)
        image, new = parts(out)
        assert type(image) is type(IMAGES[image_form])
        assert type(new) is type(label)
        assert getattr(new, "dtype", None) == getattr(label, "dtype", None)
        assert np.asarray(image).shape == np.asarray(IMAGES[image_form]).shape
        assert bytes_of(image) in known[int(new)]
        assert labels != "same" or new is label
    assert bytes_of(IMAGES[image_form]) == bytes_of(picture())


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    way=st.sampled_from(sorted(WAYS)),
    image=st.sampled_from(sorted(IMAGES)),
    label=st.sampled_from(LABELS),
    labels=st.sampled_from(["same", "prior", "balanced"]),
    seed=st.integers(0, 2**60),
)
def test_with_p_0_nothing_changes_and_with_p_1_everything(
    bank: SampleBank, way: str, image: str, label: Any, labels: Any, seed: int
) -> None:
    torch.manual_seed(seed)
    sample = WAYS[way](IMAGES[image], label)
    for never in (SyntheticReplace(bank, 0.0, labels), Vary(bank, 0.0)):
        assert never(sample) is sample
    out, _ = parts(SyntheticReplace(bank, 1.0, labels)(sample))
    assert bytes_of(out) != bytes_of(IMAGES[image])
    assert bytes_of(parts(Vary(bank, 1.0, 1.0)(sample))[0]) in rows_of(bank, 1)


@pytest.mark.parametrize("labels, share", [("same", 1.0), ("prior", 0.25), ("balanced", 0.5)])
def test_labels_come_in_their_shares_and_images_with_probability_p(
    bank: SampleBank, labels: Any, share: float
) -> None:
    torch.manual_seed(0)
    transform = SyntheticReplace(bank, p=0.4, labels=labels)
    n = 4000
    out = [transform(picture(), 1) for _ in range(n)]
    new = [label for image, label in out if image[0, 0, 0] != 7 or image.unique().numel() > 1]
    # Four standard deviations of a binomial share.
    assert abs(len(new) / n - 0.4) < 4 * (0.24 / n) ** 0.5
    assert abs(sum(new) / len(new) - share) <= 4 * (0.25 / len(new)) ** 0.5 * (labels != "same")


def test_every_row_of_a_label_is_equally_likely(bank: SampleBank) -> None:
    torch.manual_seed(0)
    transform = SyntheticReplace(bank, p=1.0)
    drawn = Counter(transform.make_params([picture(), 1])["row"] for _ in range(4000))
    assert sorted(drawn) == list(range(30, 40))
    assert all(abs(count - 400) < 4 * 400**0.5 for count in drawn.values())


def test_labels_may_be_strings(named_bank: SampleBank) -> None:
    image = Image.new("L", (12, 10))
    for label in ("up", np.str_("up")):
        for labels in ("same", "prior", "balanced"):
            x, y = SyntheticReplace(named_bank, 1.0, labels)(image, label)  # type: ignore[arg-type]
            assert type(y) is type(label)
            assert bytes_of(x) in rows_of(named_bank, y)
    with pytest.raises(InputError, match=r"label 3"):
        SyntheticReplace(named_bank, 1.0)(image, 3)
    with pytest.raises(InputError, match=r"have another type, such as '(up|down)'"):
        SyntheticReplace(named_bank, 1.0, "prior")(image, 3)


@pytest.mark.parametrize(
    "sample",
    [
        (picture(), torch.tensor([1, 0])),
        (picture(), {"boxes": 3, "Labels": torch.tensor([1])}),
        {"x": picture(), "my_label": torch.tensor([1]), "labels": torch.tensor([2])},
        {"x": picture(), "label_a": torch.tensor([1]), "label_b": torch.tensor([2])},
    ],
)
def test_the_label_is_found_where_v2_finds_it(bank: SampleBank, sample: Any) -> None:
    theirs = _find_labels_default_heuristic(sample)
    assert SyntheticReplace(bank)._label_of(sample) is theirs


def test_a_label_is_distinguished_from_equal_numbers_in_the_sample(
    bank: SampleBank,
) -> None:
    torch.manual_seed(0)
    for getter in ("default", lambda sample: sample["label"]):
        transform = SyntheticReplace(bank, 1.0, "prior", labels_getter=getter)  # type: ignore[arg-type]
        outs = [
            transform({"id": 1, "image": picture(), "label": 1, "sizes": (1, 1)}) for _ in range(30)
        ]
        assert {out["label"] for out in outs} == {0, 1}
        assert all((out["id"], out["sizes"]) == (1, (1, 1)) for out in outs)


def test_a_computed_label_is_not_put_where_an_equal_number_stands(bank: SampleBank) -> None:
    transform = SyntheticReplace(
        bank, 1.0, "balanced", labels_getter=lambda sample: int(sample["label"])
    )
    with pytest.raises(InputError, match="return the label itself"):
        transform({"image": picture(), "label": torch.tensor(1), "index": 1})


def test_a_labels_getter_may_compute_the_label_only_if_it_stays(bank: SampleBank) -> None:
    def getter(sample: Any) -> int:
        return int(sample["name"][1:])

    sample = {"image": picture(), "name": "n1"}
    out = SyntheticReplace(bank, 1.0, labels_getter=getter)(sample)
    assert out["name"] == "n1"
    assert bytes_of(out["image"]) in rows_of(bank, 1)
    with pytest.raises(InputError, match="return the label itself"):
        SyntheticReplace(bank, 1.0, "prior", labels_getter=getter)(sample)


@pytest.mark.parametrize(
    "other",
    [
        tv_tensors.Mask(torch.zeros(12, 12)),
        tv_tensors.BoundingBoxes([[0, 0, 3, 3]], format="XYXY", canvas_size=(12, 12)),
        tv_tensors.KeyPoints([[1, 1]], canvas_size=(12, 12)),
        tv_tensors.Video(torch.zeros(2, 1, 12, 12)),
    ],
    ids=lambda other: type(other).__name__,
)
def test_boxes_and_masks_are_refused_for_any_p(bank: SampleBank, other: Any) -> None:
    sample = {"image": picture(), "label": 1, "other": other}
    for transform in (SyntheticReplace(bank, 0.0), Vary(bank, 0.0), Vary(bank, 0.0, (0.0, 0.1))):
        with pytest.raises(InputError, match=f"{type(other).__name__}, which would not describe"):
            transform(sample)
    out = Vary(bank, 1.0, 0.0)({"image": tv_tensors.Image(picture()), "label": 1, "other": other})
    assert torch.equal(out["image"], picture())
    assert out["other"] is other


@pytest.mark.parametrize(
    "sample, message",
    [
        ((np.zeros((12, 12), np.uint8), 1), "no images.*ToImage"),
        ((tv_tensors.Image(picture()), 1, tv_tensors.Image(picture())), "2 images"),
        (picture(), "no label in a sample that is a Tensor.*transforms="),
        ({"image": picture(), "y": 1}, "no label in a sample that is a dict"),
        ((picture(), None), "the label is None"),
        ((picture(), torch.tensor([0, 1])), r"shape \(2,\).*one-hot"),
        ((picture(), 5), "label 5 was not seen in fit"),
        ((picture(), "one"), "label 'one'"),
        ((torch.zeros(4, 1, 12, 12, dtype=torch.uint8), 1), "SyntheticMix"),
        ((picture()[:, :8], 1), "1 x 8 x 12, and rows of the bank or sampler 1 x 12 x 12"),
        ((picture().expand(3, -1, -1), 1), "3 x 12 x 12, and"),
        ((picture().float() - 100, 1), "normalised"),
    ],
)
def test_samples_that_cannot_be_used_are_refused(
    bank: SampleBank, sample: Any, message: str
) -> None:
    for transform in (SyntheticReplace(bank, 1.0), Vary(bank, 1.0)):
        with pytest.raises(InputError, match=message):
            transform(sample)


def test_arguments_that_cannot_be_used_are_refused(
    bank: SampleBank, image_sampler: ConditionalVAE, table_sampler: ConditionalVAE, tmp_path: Any
) -> None:
    table = SampleBank.build(table_sampler, 4, tmp_path / "table")
    for make, message in (
        (lambda: SyntheticReplace(bank, p=1.5), "p=1.5"),
        (lambda: SyntheticReplace(bank, labels="batch"), "labels='batch'"),  # type: ignore[arg-type]
        (lambda: SyntheticReplace(bank, labels_getter=None), "labels_getter=None: give 'default'"),  # type: ignore[arg-type]
        (lambda: SyntheticReplace(image_sampler), "bank is a ConditionalVAE.*SampleBank.build"),  # type: ignore[arg-type]
        (lambda: SyntheticReplace(table), "rows of this .* have a TableCodec"),
        (lambda: Vary(table_sampler), "rows of this .* have a TableCodec"),
        (lambda: Vary(object()), "source is a object"),
        (lambda: Vary(bank, strength=1.5), "strength=1.5"),
        (lambda: Vary(bank, strength=(0.5, 0.2)), r"strength\[1\]=0.2"),
        (lambda: Vary(bank, strength=(0.1, 0.2, 0.3)), "a range"),  # type: ignore[arg-type]
    ):
        with pytest.raises(InputError, match=message):
            make()
    with pytest.raises(NotFittedError, match="fit"):
        Vary(ConditionalVAE())
    gan = ConditionalGAN(max_steps=1, batch_size=8, width=4, random_state=0, device="cpu").fit(
        *toy_images()
    )
    with pytest.raises(InputError, match="source is a ConditionalGAN: give a sampler with an enc"):
        Vary(gan, p=1.0)


def test_a_bank_may_be_given_by_its_path(bank: SampleBank) -> None:
    for path in (bank.path, str(bank.path)):
        image, _ = SyntheticReplace(path, 1.0)(picture(), 1)  # type: ignore[arg-type]
        assert bytes_of(image) in rows_of(bank, 1)
        Vary(path)(picture(), 1)


def test_composes_with_others(bank: SampleBank) -> None:
    torch.manual_seed(0)
    pipeline = v2.Compose(
        [
            v2.ToImage(),
            SyntheticReplace(bank, 0.5, "balanced"),
            v2.RandomChoice([Vary(bank, 1.0), v2.Identity()]),
            v2.RandomApply([Vary(bank)], p=0.3),
            v2.RandomHorizontalFlip(),
            v2.Resize(16),
            v2.ToDtype(torch.float32, scale=True),
        ]
    )
    for label in (0, 1) * 20:
        image, new = pipeline(Image.fromarray(picture()[0].numpy()), label)
        assert type(image) is tv_tensors.Image
        assert image.shape == (1, 16, 16)
        assert 0 <= image.min() <= image.max() <= 1
        assert type(new) is int
    flipped, label = v2.Compose([SyntheticReplace(bank, 1.0), v2.RandomHorizontalFlip(1.0)])(
        (picture(), 1)
    )
    assert bytes_of(flipped.flip(-1)) in rows_of(bank, 1)


def test_float_images_get_rows_from_0_to_1(bank: SampleBank) -> None:
    for image in (
        torch.rand(1, 12, 12),
        tv_tensors.Image(torch.rand(1, 12, 12, dtype=torch.float64)),
    ):
        out, _ = SyntheticReplace(bank, 1.0)(image, 1)
        assert out.dtype == image.dtype
        assert bytes_of((out * 255).round().to(torch.uint8)) in rows_of(bank, 1)


def test_vary_with_a_bank_lies_between_image_and_row(bank: SampleBank) -> None:
    torch.manual_seed(0)
    transform = Vary(bank, 1.0, (0.2, 0.9))
    image = torch.randint(0, 256, (1, 12, 12), dtype=torch.uint8)
    strengths = []
    for _ in range(200):
        params = transform.make_params([image, 1])
        strengths.append(params["strength"])
        x, label = bank[params["number"]]
        assert label == 1
        row = torch.from_numpy(x).permute(2, 0, 1).double()
        expected = image + params["strength"] * (row - image)
        assert (transform.transform(image, params).double() - expected).abs().max() <= 0.5001
    assert 0.2 <= min(strengths) < 0.25
    assert 0.85 < max(strengths) <= 0.9


@pytest.mark.parametrize("image_form", IMAGES)
def test_vary_with_a_sampler_is_what_the_sampler_does(
    image_sampler: ConditionalVAE, image_form: str
) -> None:
    image = IMAGES[image_form]
    transform = Vary(image_sampler, 1.0, 0.7)
    torch.manual_seed(3)
    params = transform.make_params([image, 1])
    expected = image_sampler.vary(
        picture().permute(1, 2, 0).numpy()[None],
        [1],
        strength=params["strength"],
        random_state=params["number"],
    )
    torch.manual_seed(3)
    with_p = Vary(image_sampler, 1.0, 0.7)
    assert bytes_of(transform.transform(image, params)) == bytes_of(expected[0])
    out, label = with_p(image, torch.tensor(1))
    assert type(out) is type(image)
    assert label == 1
    assert bytes_of(out) != bytes_of(with_p(image, torch.tensor(1))[0])
    assert with_p(image, torch.tensor(1))[1] == 1


def test_vary_with_a_sampler_of_normalised_tensors() -> None:
    X, y = as_form("normalised-tensor")
    sampler = ConditionalVAE(
        max_steps=2, batch_size=8, width=4, latent_dim=4, random_state=0, device="cpu"
    ).fit(X, y)
    image, label = Vary(sampler, 1.0)(X[1], y[1])
    assert (image.shape, image.dtype, label) == (X[1].shape, X[1].dtype, y[1])
    with pytest.raises(InputError, match="scaled like that"):
        Vary(sampler, 1.0)(picture(), 1)


def test_manual_seed_repeats_and_no_other_generator_is_touched(
    bank: SampleBank, image_sampler: ConditionalVAE
) -> None:
    for transform in (
        SyntheticReplace(bank, labels="balanced"),
        Vary(bank, strength=(0.1, 0.9)),
        Vary(image_sampler, strength=(0.1, 0.9)),
    ):
        runs = []
        before = np.random.get_state()[1].copy()
        for seed in (1, 1, 2):
            torch.manual_seed(seed)
            runs.append([(bytes_of(x), y) for x, y in (transform(picture(), 1) for _ in range(12))])
        assert runs[0] == runs[1] != runs[2]
        np.testing.assert_array_equal(np.random.get_state()[1], before)


class Transformed(Dataset[Any]):
    """The same image many times, so that all differences are random."""

    def __init__(self, transform: Any) -> None:
        self.transform = transform

    def __len__(self) -> int:
        return 24

    def __getitem__(self, index: int) -> Any:
        return self.transform(picture(), 1)


def epochs(
    transform: Any, n: int, seed: int, context: str = "fork", **kwargs: Any
) -> list[list[bytes]]:
    """Return the images of some epochs."""
    torch.manual_seed(seed)
    loader = DataLoader(
        Transformed(transform),
        batch_size=6,
        num_workers=2,
        multiprocessing_context=context,
        **kwargs,
    )
    return [[bytes_of(x) for images, _ in loader for x in images] for _ in range(n)]


def test_workers_and_epochs_differ_and_a_run_repeats(
    bank: SampleBank, image_sampler: ConditionalVAE
) -> None:
    for transform in (Vary(bank, 1.0, (0.1, 0.9)), Vary(image_sampler, 1.0)):
        first, second = (epochs(transform, 3, 0) for _ in range(2))
        assert first == second
        assert len(set(first[0] + first[1] + first[2])) == 72
        kept = epochs(transform, 2, 0, persistent_workers=True)
        assert len(set(kept[0] + kept[1])) == 48


def test_other_workers_give_the_pictures_of_forked_ones(
    bank: SampleBank, image_sampler: ConditionalVAE
) -> None:
    transform = v2.Compose([SyntheticReplace(bank, 0.5), Vary(bank, 0.5), Vary(image_sampler, 0.5)])
    assert epochs(transform, 1, 0, context="forkserver") == epochs(transform, 1, 0)


def test_copies_and_pickles_do_the_same(bank: SampleBank, image_sampler: ConditionalVAE) -> None:
    for transform in (
        SyntheticReplace(bank, 1.0, "prior"),
        Vary(image_sampler, 1.0),
        Vary(bank, 1.0),
    ):
        unpickled = pickle.loads(pickle.dumps(transform))
        for other in (copy.deepcopy(transform), unpickled, v2.Compose([transform])):
            outs = []
            for each in (transform, other):
                torch.manual_seed(5)
                outs.append([bytes_of(part) for part in each(picture(), 1)])
            assert outs[0] == outs[1]


def test_repr_says_what_it_is(bank: SampleBank, image_sampler: ConditionalVAE) -> None:
    shown = repr(SyntheticReplace(bank, 0.3, "prior"))
    assert shown == f"SyntheticReplace(bank={str(bank.path)!r}, p=0.3, labels='prior')"
    assert repr(Vary(bank)).startswith(f"Vary(source={str(bank.path)!r}, p=0.5, strength=0.5")
    assert "ConditionalVAE(" in repr(v2.Compose([Vary(image_sampler, strength=(0.1, 0.2))]))


def test_an_accelerator_in_a_worker_is_refused_with_the_ways_out(
    image_sampler: ConditionalVAE, monkeypatch: pytest.MonkeyPatch
) -> None:
    import gen_augment.samplers.generation as base

    sampler = copy.copy(image_sampler)
    sampler.network_ = torch.nn.Linear(1, 1, device="meta")  # any device that is not the CPU
    monkeypatch.setattr(base, "get_worker_info", lambda: object())
    with pytest.raises(WorkerDeviceError, match=r"SampleBank.*augment_loader"):
        Vary(sampler, 1.0)(picture(), 1)


def test_labels_that_a_bank_has_no_rows_of_keep_their_images(
    image_sampler: ConditionalVAE, tmp_path: Path
) -> None:
    rare = SampleBank.build(image_sampler, {1: 4}, tmp_path / "rare")
    for transform in (SyntheticReplace(rare, p=1.0), Vary(rare, p=1.0)):
        image, label = transform(picture(), 0)
        assert torch.equal(image, picture())
        assert label == 0
        assert not torch.equal(transform(picture(), 1)[0], picture())
        with pytest.raises(InputError, match="label 99 was not seen"):
            transform(picture(), 99)
