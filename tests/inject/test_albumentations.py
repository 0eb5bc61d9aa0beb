"""Transforms for albumentations 2.0.8: in its Compose, its files, its replays, and in the workers of a DataLoader."""

import copy
import importlib
import io
import json
import pickle
import shutil
import sys
from collections import Counter
from functools import partial
from pathlib import Path
from types import ModuleType
from typing import Any

import os  # isort: skip

os.environ["NO_ALBUMENTATIONS_UPDATE"] = "1"  # it asks PyPI when it is imported

import albumentations as A
import numpy as np
import pytest
import torch
from albumentations.pytorch import ToTensorV2
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from torch.utils.data import ConcatDataset, DataLoader, Dataset, Subset

from gen_augment import (
    ConditionalVAE,
    InputError,
    MissingDependencyError,
    NotFittedError,
    SampleBank,
)
from gen_augment.inject.albumentations import SyntheticReplace, Vary, _check_version, seed_workers
from gen_augment.inject.image_replacement import arguments_of
from tests.conftest import as_form

COUNTS = {0: 30, 1: 10}
LABELS = [1, np.int64(1), np.uint8(1), np.float32(1), True, torch.tensor(1)]


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
    return {x.tobytes() for x, y in bank if y == label}


def picture(value: int = 7) -> np.ndarray:
    return np.full((12, 12, 1), value, np.uint8)


def run(pipeline: Any, n: int, **data: Any) -> list[tuple[bytes, Any]]:
    data = {"image": picture(), "label": 1, **data}
    outs = [pipeline(**data) for _ in range(n)]
    return [(out["image"].tobytes(), out["label"]) for out in outs]


@pytest.mark.parametrize("labels", ["same", "prior", "balanced"])
@pytest.mark.parametrize("strict", [True, False])
def test_replaced_images_are_rows_of_their_label(
    bank: SampleBank, labels: Any, strict: bool
) -> None:
    known = {label: rows_of(bank, label) for label in (0, 1)}
    pipeline = A.Compose([SyntheticReplace(bank, labels, p=1.0)], strict=strict, seed=0)
    for label in LABELS:
        for image in (picture(), picture()[..., 0]):
            out = pipeline(image=image, label=label)
            assert type(out["label"]) is type(label)
            assert out["image"].tobytes() in known[int(out["label"])]
            assert (out["image"].shape, out["image"].dtype) == (image.shape, image.dtype)
            assert labels != "same" or out["label"] is label
            assert (image == 7).all()


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=20)
@given(label=st.sampled_from([0, 1]), value=st.integers(0, 255), seed=st.integers(0, 2**32))
def test_with_p_0_nothing_changes_and_with_p_1_everything(
    bank: SampleBank, label: int, value: int, seed: int
) -> None:
    never = A.Compose([SyntheticReplace(bank, p=0.0), Vary(bank, p=0.0)], seed=seed)
    always = A.Compose([Vary(bank, 1.0, p=1.0)], seed=seed)
    image = picture(value)
    out = never(image=image, label=label, name="x")
    assert (out["label"], out["name"]) == (label, "x")
    np.testing.assert_array_equal(out["image"], image)
    assert always(image=image, label=label)["image"].tobytes() in rows_of(bank, label)


@pytest.mark.parametrize("labels, share", [("same", 1.0), ("prior", 0.25), ("balanced", 0.5)])
def test_labels_come_in_their_shares_and_images_with_probability_p(
    bank: SampleBank, labels: Any, share: float
) -> None:
    n = 3000
    outs = run(A.Compose([SyntheticReplace(bank, labels, p=0.4)], seed=0), n)
    new = [label for image, label in outs if image != picture().tobytes()]
    # Four standard deviations of a binomial share.
    assert abs(len(new) / n - 0.4) < 4 * (0.24 / n) ** 0.5
    assert abs(sum(new) / len(new) - share) <= 4 * (0.25 / len(new)) ** 0.5 * (labels != "same")


def test_labels_may_be_strings_and_have_another_name(named_bank: SampleBank) -> None:
    image = np.zeros((10, 12), np.uint8)
    for label in ("up", np.str_("up")):
        for labels in ("same", "prior", "balanced"):
            pipeline = A.Compose(
                [SyntheticReplace(named_bank, labels, "kind", p=1.0), Vary(named_bank, 0.0, "kind")]
            )
            out = pipeline(image=image, kind=label)
            assert type(out["kind"]) is type(label)
            assert out["image"].tobytes() in rows_of(named_bank, out["kind"])
    with pytest.raises(InputError, match="label 3"):
        A.Compose([SyntheticReplace(named_bank, p=1.0)])(image=image, label=3)


def test_float_images_and_tensors(bank: SampleBank) -> None:
    image = np.random.default_rng(0).random((12, 12, 1), dtype=np.float32)
    out = A.Compose([SyntheticReplace(bank, p=1.0), A.HorizontalFlip(p=1.0), ToTensorV2()])(
        image=image, label=1
    )
    assert out["image"].dtype == torch.float32
    assert (out["image"].flip(-1) * 255).round().to(torch.uint8).numpy().tobytes() in rows_of(
        bank, 1
    )
    late = A.Compose([ToTensorV2(), SyntheticReplace(bank, p=1.0)])(image=picture(), label=1)[
        "image"
    ]
    assert late.shape == (1, 12, 12)
    assert late.numpy().tobytes() in rows_of(bank, 1)


def test_vary_with_a_sampler_is_what_the_sampler_does(image_sampler: ConditionalVAE) -> None:
    pipeline = A.Compose([Vary(image_sampler, (0.2, 0.9), p=1.0)], seed=0, save_applied_params=True)
    for _ in range(5):
        out = pipeline(image=picture(), label=1)
        [(name, params)] = out["applied_transforms"]
        assert name == "Vary"
        assert 0.2 <= params["strength"] <= 0.9
        expected = image_sampler.vary(
            picture()[None], [1], strength=params["strength"], random_state=params["number"]
        )
        np.testing.assert_array_equal(out["image"], expected[0])


@pytest.mark.parametrize(
    "data, message",
    [
        ({"mask": np.zeros((12, 12))}, "has mask, which would not describe"),
        ({"masks": [np.zeros((12, 12))]}, "has masks"),
        ({"bboxes": [[0, 0, 4, 4, 1]]}, "has bboxes"),
        ({"keypoints": [[1, 1]]}, "has keypoints"),
        ({"images": np.zeros((2, 12, 12, 1), np.uint8)}, "has images"),
        ({"second": picture()}, "has second"),
        ({"outline": np.zeros((12, 12))}, "has outline"),
        ({"label": None}, r"label=\.\.\., or say label_key"),
        ({"label": np.array([0, 1])}, r"shape \(2,\).*one-hot"),
        ({"label": 5}, "label 5 was not seen in fit"),
        ({"label": "one"}, "label 'one'"),
        ({"image": picture()[:8]}, "1 x 8 x 12, and rows of the bank or sampler 1 x 12 x 12"),
        ({"image": picture().repeat(3, axis=2)}, "3 x 12 x 12, and"),
        ({"image": picture() - np.float32(100)}, "normalised"),
    ],
)
def test_samples_that_cannot_be_used_are_refused(bank: SampleBank, data: Any, message: str) -> None:
    shapes = {
        "is_check_shapes": False,
        "additional_targets": {"second": "image", "outline": "mask"},
    }
    if "bboxes" in data:
        shapes["bbox_params"] = A.BboxParams("pascal_voc")
    for transform in (SyntheticReplace(bank, p=1.0), Vary(bank, p=1.0)):
        pipeline = A.Compose([A.Sequential([transform], p=1.0), A.HorizontalFlip()], **shapes)
        with pytest.raises(InputError, match=message):
            pipeline(**{"image": picture(), "label": 1, **data})


def test_refusals_do_not_wait_for_chance_and_masks_may_be_none(bank: SampleBank) -> None:
    for transform in (SyntheticReplace(bank, p=0.0), Vary(bank, p=0.0)):
        with pytest.raises(InputError, match="needs the image's label"):
            A.Compose([transform])(image=picture())
        with pytest.raises(InputError, match="has mask"):
            A.Compose([transform])(image=picture(), label=1, mask=picture())
        A.Compose([transform])(image=picture(), label=1, bboxes=None)
        with pytest.raises(InputError, match="needs image="):
            transform(label=1)
    out = A.Compose([Vary(bank, 0.0, p=1.0)])(image=picture(), label=1, mask=picture(3))
    np.testing.assert_array_equal(out["image"], picture())


def test_arguments_that_cannot_be_used_are_refused(
    bank: SampleBank, image_sampler: ConditionalVAE, table_sampler: ConditionalVAE
) -> None:
    for make, message in (
        (lambda: SyntheticReplace(bank, p=1.5), "p=1.5"),
        (lambda: SyntheticReplace(bank, labels="batch"), "labels='batch'"),  # type: ignore[arg-type]
        (lambda: SyntheticReplace(image_sampler), "bank is a ConditionalVAE"),  # type: ignore[arg-type]
        (lambda: Vary(table_sampler), "rows of this .* have a TableCodec"),
        (lambda: Vary(bank, strength=-1), "strength=-1"),
    ):
        with pytest.raises(InputError, match=message):
            make()
    with pytest.raises(NotFittedError, match="fit"):
        Vary(ConditionalVAE())


@pytest.mark.parametrize("kind", ["dict", "json", "yaml"])
def test_a_pipeline_is_written_and_read(bank: SampleBank, kind: Any) -> None:
    pipeline = A.Compose(
        [
            A.OneOf([SyntheticReplace(bank, "balanced", p=0.7), A.HorizontalFlip()], p=0.9),
            Vary(bank.path, (0.1, 0.4), p=0.8),
        ],
    )
    if kind == "dict":
        again: Any = A.from_dict(json.loads(json.dumps(A.to_dict(pipeline))))
    else:
        file = io.StringIO()
        A.save(pipeline, file, data_format=kind)
        file.seek(0)
        again = A.load(file, data_format=kind)
    assert json.dumps(A.to_dict(again)) == json.dumps(A.to_dict(pipeline))
    for each in (pipeline, again):
        each.set_random_seed(4)
    assert run(pipeline, 30) == run(again, 30)
    assert str(bank.path) in repr(pipeline)


def test_a_sampler_cannot_be_written_and_says_so(image_sampler: ConditionalVAE) -> None:
    transform = Vary(image_sampler)
    assert "ConditionalVAE(" in repr(transform)
    with pytest.raises(InputError, match="give Vary a SampleBank"):
        A.to_dict(A.Compose([transform]))


def test_a_replay_gives_the_same_picture_and_label(
    bank: SampleBank, image_sampler: ConditionalVAE
) -> None:
    transforms = [
        SyntheticReplace(bank, "balanced"),
        Vary(bank, (0.0, 1.0)),
        A.HorizontalFlip(),
        Vary(image_sampler),
    ]
    for chosen, as_json in ((transforms, False), (transforms[:3], True)):
        pipeline = A.ReplayCompose(chosen)
        for seed in range(15):
            pipeline.set_random_seed(seed)
            first = pipeline(image=picture(), label=1)
            record = json.loads(json.dumps(first["replay"])) if as_json else first["replay"]
            again = A.ReplayCompose.replay(record, image=picture(), label=1)
            np.testing.assert_array_equal(first["image"], again["image"])
            assert first["label"] == again["label"]
            without = A.ReplayCompose.replay(record, image=picture())
            np.testing.assert_array_equal(first["image"], without["image"])


def test_copies_and_pickles_do_the_same(bank: SampleBank, image_sampler: ConditionalVAE) -> None:
    pipeline = A.Compose([SyntheticReplace(bank, "prior"), Vary(image_sampler), Vary(bank)], seed=3)
    others = (copy.deepcopy(pipeline), pickle.loads(pickle.dumps(pipeline)))
    expected = run(pipeline, 20)
    for other in others:
        assert run(other, 20) == expected


def test_random_numbers_are_independent_of_other_transforms(bank: SampleBank) -> None:
    """albumentations gives equal random numbers to all transforms of a seeded Compose."""
    image = np.arange(144, dtype=np.uint8).reshape(12, 12)
    both = Counter()
    for seed in range(400):
        pipeline = A.Compose(
            [Vary(bank, 0.0), A.HorizontalFlip(), A.VerticalFlip()],
            seed=seed,
            save_applied_params=True,
        )
        names = {name for name, _ in pipeline(image=image, label=1)["applied_transforms"]}
        assert ("HorizontalFlip" in names) == ("VerticalFlip" in names)
        both["Vary" in names, "HorizontalFlip" in names] += 1
    assert all(
        60 < both[pair] < 140
        for pair in [(True, True), (True, False), (False, True), (False, False)]
    )


@pytest.mark.parametrize(
    ("second", "p"),
    [("other bank", 0.5), ("same bank", 0.4), ("other strength", 0.5), ("sampler", 0.5)],
)
def test_transforms_of_other_arguments_are_drawn_independently(
    bank: SampleBank, image_sampler: ConditionalVAE, tmp_path: Path, second: str, p: float
) -> None:
    other = {
        "other bank": lambda: Vary(
            SampleBank.build(image_sampler, COUNTS, tmp_path / "bank", seed=9), p=p
        ),
        "same bank": lambda: Vary(bank, p=p),
        "other strength": lambda: Vary(bank, 0.4, p=p),
        "sampler": lambda: Vary(image_sampler, p=p),
    }[second]()
    first = Vary(bank)
    A.Compose([first, other], seed=0)
    drawn = [(first.py_random.random() < 0.5, other.py_random.random() < p) for _ in range(400)]
    shares = Counter(drawn)
    assert all(abs(shares[pair] - 100) < 45 for pair in shares)
    assert len(shares) == 4


def test_a_seeded_pipeline_does_not_depend_on_the_process_or_the_folder(
    bank: SampleBank, image_sampler: ConditionalVAE, tmp_path: Path
) -> None:
    moved = SampleBank(shutil.copytree(bank.path, tmp_path / "moved"))
    transforms = [
        (SyntheticReplace(bank, "prior"), SyntheticReplace(moved, "prior")),
        (Vary(bank, (0, 1)), Vary(str(moved.path), (0.0, np.float64(1)))),
        (Vary(image_sampler), Vary(pickle.loads(pickle.dumps(image_sampler)))),
    ]
    for one, other in transforms:
        assert arguments_of(one) == arguments_of(other)
        for each in (one, other):
            each.set_random_seed(3)
        assert one.py_random.random() == other.py_random.random()
        assert " at 0x" not in arguments_of(one)


class Images(Dataset[Any]):
    """The same image many times, so that all differences are random."""

    def __init__(self, transform: Any, n: int = 24) -> None:
        self.transform, self.n = transform, n

    def __len__(self) -> int:
        return self.n

    def __getitem__(self, index: int) -> Any:
        image = np.arange(144, dtype=np.uint8).reshape(12, 12)
        out = self.transform(image=image, label=1)
        return out["image"] if isinstance(out, dict) else out


def collate(rows: list[Any]) -> list[bytes]:
    return [row.tobytes() for row in rows]


def epochs(data: Dataset[Any], seed: int = 0, n: int = 2, **kwargs: Any) -> list[list[bytes]]:
    torch.manual_seed(seed)
    options = {
        "batch_size": 6,
        "num_workers": 2,
        "collate_fn": collate,
        "multiprocessing_context": "fork",
        **kwargs,
    }
    loader: DataLoader[Any] = DataLoader(data, **options)
    return [[row for batch in loader for row in batch] for _ in range(n)]


def test_workers_and_epochs_repeat_unless_workers_are_seeded(bank: SampleBank) -> None:
    data = Images(A.Compose([Vary(bank, (0.1, 0.9), p=1.0)]))
    seeded = seed_workers(data.transform)
    first, second = epochs(data)
    assert first == second  # each epoch equals the previous one,
    assert first[:6] == first[6:12]  # and the first batches of the workers are equal
    for kwargs in ({}, {"persistent_workers": True}):
        first, second = epochs(data, worker_init_fn=seeded, **kwargs)
        assert len(set(first + second)) == 48
        assert epochs(data, worker_init_fn=seeded, **kwargs) == [first, second]
        assert epochs(data, 1, worker_init_fn=seeded, **kwargs)[0] != first


def test_other_workers_give_the_pictures_of_forked_ones(
    bank: SampleBank, image_sampler: ConditionalVAE
) -> None:
    first = A.Compose([SyntheticReplace(bank, "prior"), Vary(image_sampler), A.HorizontalFlip()])
    pipelines = first, copy.deepcopy(GLOBAL), copy.deepcopy(GLOBAL)
    data: Any = ConcatDataset([Images(pipeline, 12) for pipeline in pipelines])
    [forked], [others] = (
        epochs(data, n=1, worker_init_fn=seed_workers(*pipelines), multiprocessing_context=context)
        for context in ("fork", "forkserver")
    )
    assert forked == others
    assert len(set(forked[12:])) == 24  # the last two pipelines have independent random numbers


def test_after_seed_workers_transforms_are_drawn_independently() -> None:
    data = Images(A.Compose([A.HorizontalFlip(), A.VerticalFlip()]), n=400)
    [pictures] = epochs(data, n=1, worker_init_fn=seed_workers(data.transform))
    counts = Counter(pictures)
    assert len(counts) == 4
    assert min(counts.values()) > 60


GLOBAL = A.Compose([A.GaussNoise(std_range=(0.1, 0.4), p=1.0)])


def uses_global(image: Any, label: Any) -> Any:
    return GLOBAL(image=image)["image"]


def calls(pipeline: Any, image: Any, label: Any) -> Any:
    return pipeline(image=image)["image"]


class Holder:
    def __init__(self, pipeline: Any) -> None:
        self.steps = [{"inner": pipeline}]
        self.itself = self

    def __call__(self, image: Any, label: Any) -> Any:
        return calls(self.steps[0]["inner"], image, label)

    def method(self, image: Any, label: Any) -> Any:
        return self(image, label)


class UsesGlobal(Images):
    def __getitem__(self, index: int) -> Any:
        return uses_global(np.zeros((12, 12), np.uint8), 1)


def make_data(kind: str) -> tuple[Dataset[Any], Any]:
    """A dataset, and the pipeline that it uses."""
    pipeline = copy.deepcopy(GLOBAL)
    datas: dict[str, Any] = {
        "pipeline": lambda: Images(pipeline),
        "transform": lambda: Images(pipeline[0]),
        "function": lambda: Images(uses_global),
        "class": lambda: UsesGlobal(None),
        "closure": lambda: Images(lambda image, label: pipeline(image=image)["image"]),
        "partial": lambda: Images(partial(calls, pipeline)),
        "object": lambda: Images(Holder(pipeline)),
        "method": lambda: Images(Holder(pipeline).method),
        "subset": lambda: Subset(Images(pipeline), range(24)),
        "concat": lambda: ConcatDataset(
            [Subset(Images(pipeline), range(12)), Images(Holder(pipeline), 12)]
        ),
    }
    used = {"transform": pipeline[0], "function": GLOBAL, "class": GLOBAL}
    data: Dataset[Any] = datas[kind]()
    return data, used.get(kind, pipeline)


@pytest.mark.parametrize(
    "kind",
    [
        "pipeline",
        "transform",
        "function",
        "class",
        "closure",
        "partial",
        "object",
        "method",
        "subset",
        "concat",
    ],
)
def test_pipelines_are_seeded_wherever_datasets_keep_them(kind: str) -> None:
    data, pipeline = make_data(kind)
    [pictures] = epochs(data, n=1, worker_init_fn=seed_workers(pipeline))
    assert len(set(pictures)) == 24


def test_two_pipelines_have_independent_random_numbers() -> None:
    first, second = copy.deepcopy(GLOBAL), copy.deepcopy(GLOBAL)
    data = ConcatDataset([Images(first, 12), Images(second, 12)])
    seeded = seed_workers(first, second)
    [pictures] = epochs(data, n=1, worker_init_fn=seeded)
    assert len(set(pictures)) == 24


def test_unusable_input_of_seed_workers_is_named() -> None:
    with pytest.raises(InputError, match="seed_workers is for DataLoader"):
        seed_workers(GLOBAL)(0)
    for arguments, message in (((), "nothing"), ((0,), "got 0"), ((GLOBAL, len), "built-in")):
        with pytest.raises(InputError, match=rf"{message}.*give the pipelines of the dataset"):
            seed_workers(*arguments)
    # As a plain `worker_init_fn`, it is called with the number of a worker.
    with pytest.raises(InputError, match=r"seed_workers\(pipeline\)"):
        epochs(Images(GLOBAL), worker_init_fn=seed_workers)


def test_another_version_or_none_is_a_missing_dependency(monkeypatch: pytest.MonkeyPatch) -> None:
    for version in ("1.4.24", "2.0.9", "2.1.0", "unknown"):
        with pytest.raises(
            MissingDependencyError, match=rf"2\.0\.x.*found {version}.*AlbumentationsX"
        ):
            _check_version(version)
    for version in ("2.0.0", "2.0.8"):
        _check_version(version)
    monkeypatch.delitem(sys.modules, "gen_augment.inject.albumentations")
    monkeypatch.setitem(sys.modules, "albumentations", None)  # type: ignore[arg-type]
    with pytest.raises(MissingDependencyError, match=r"gen_augment\[albumentations\]"):
        importlib.import_module("gen_augment.inject.albumentations")
    other = ModuleType("albumentations")
    other.__version__ = "2.0.18"  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "albumentations", other)
    with pytest.raises(MissingDependencyError, match=r"2\.0\.18"):
        importlib.import_module("gen_augment.inject.albumentations")
