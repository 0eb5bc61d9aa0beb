"""What samplers without a network promise, and what each of them is by definition."""

import copy
import json
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from safetensors import safe_open
from safetensors.torch import save_file
from scipy.stats import gaussian_kde
from sklearn.neighbors import NearestNeighbors
from sklearn.utils.estimator_checks import parametrize_with_checks

from gen_augment import (
    ArchiveError,
    BootstrapSampler,
    FilteredSampler,
    InputError,
    KDESampler,
    MixtureSampler,
    NotFittedError,
    SampleBank,
    SMOTESampler,
    load_sampler,
)
from gen_augment.modalities import Table, TableCodec
from gen_augment.samplers import SAMPLERS
from tests.conftest import CLASSICAL, FORMS, as_form, toy_images, toy_table
from tests.contract.test_sklearn import REASONS
from tests.samplers.mixture import check_mixture, draw_mixture
from tests.samplers.test_mixed import draw_mixed

NAMES = CLASSICAL
TABLES = [form for form in FORMS if form.startswith("table")]


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.DataConversionWarning")
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.SkipTestWarning")
@parametrize_with_checks(
    [SAMPLERS[name]() for name in CLASSICAL],
    expected_failed_checks=lambda estimator: REASONS,
    xfail_strict=True,
)
def test_conventions(estimator: Any, check: Any) -> None:
    check(estimator)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("form", TABLES)
def test_samples_have_the_form_of_the_training_rows(name: str, form: str) -> None:
    X, y = as_form(form)
    rows, labels = SAMPLERS[name](random_state=0).fit(X, y).sample(30)
    assert type(rows) is type(X)
    assert type(labels) is type(y)
    assert rows.dtypes.equals(X.dtypes) if isinstance(X, pd.DataFrame) else rows.dtype == X.dtype
    made, seen = (np.asarray(r, dtype=float) for r in (rows, X))
    assert (made.min(axis=0) >= seen.min(axis=0)).all()
    assert (made.max(axis=0) <= seen.max(axis=0)).all()


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("mixed", [False, True], ids=["numbers", "mixed"])
def test_rows_depend_on_their_address_alone_also_after_loading(
    name: str, mixed: bool, tmp_path: Path
) -> None:
    X, y = draw_mixed(90) if mixed else toy_table()
    sampler = SAMPLERS[name](random_state=5).fit(X, y)
    labels = np.resize(np.unique(y), 300)
    whole = pd.DataFrame(sampler.generate(np.arange(300), labels))
    shuffled = np.random.default_rng(0).permutation(300)
    again = pd.DataFrame(sampler.generate(shuffled, labels[shuffled]))
    pd.testing.assert_frame_equal(again, whole.iloc[shuffled].reset_index(drop=True), rtol=1e-5)
    assert not pd.DataFrame(sampler.generate(np.arange(300), labels, seed=6)).equals(whole)

    sampler.save(tmp_path / "a")
    copies = [
        load_sampler(tmp_path / "a"),
        pickle.loads(pickle.dumps(sampler)),
        copy.deepcopy(sampler),
    ]
    for other in copies:
        pd.testing.assert_frame_equal(pd.DataFrame(other.generate(np.arange(300), labels)), whole)
        assert other.fingerprint() == sampler.fingerprint()
        assert other.get_params() == sampler.get_params()
    bank = SampleBank.build(sampler, 40, tmp_path / "bank")
    assert len(bank) == 40
    filtered = FilteredSampler(sampler, [lambda X, y: np.ones(len(y), dtype=bool)])
    assert len(filtered.sample(5)[0]) == 5
    assert len(sampler.sample(y={labels[0]: 3, labels[1]: 4})[1]) == 7


@pytest.mark.parametrize("name", NAMES)
def test_bad_use_is_refused(name: str, tmp_path: Path) -> None:
    sampler = SAMPLERS[name](random_state=0)
    for use in (
        lambda: sampler.sample(3),
        lambda: sampler.generate([0], [0]),
        lambda: sampler.save(tmp_path / "x"),
    ):
        with pytest.raises(NotFittedError):
            use()
    X, y = toy_table()
    sampler.fit(X, y)
    before = sampler.generate([0, 1], [0, 1])
    infinite = X.copy()
    infinite[3, 0] = np.inf
    lonely = np.where(np.arange(60) == 0, 7, y)
    cases: dict[str, Any] = {
        "column 0 of X contains infinity": (infinite, y),
        "only one class": (X, y * 0),
        "60 rows and y has 59": (X, y[:-1]),
        "y is None": (X, None),
        "occur twice": (pd.DataFrame(X, columns=list("aba")), y),
        "has no label in row 2": (X, pd.Series(y, dtype=object).mask(np.arange(60) == 2)),
    }
    if name != "bootstrap":
        flat = "needs rows that are encoded as vectors, and image rows"
        cases |= {"7: 1": (X, lonely), flat: toy_images()}
    for message, (bad_X, bad_y) in cases.items():
        with pytest.raises(InputError, match=message):
            sampler.fit(bad_X, bad_y)
        np.testing.assert_array_equal(sampler.generate([0, 1], [0, 1]), before)


@pytest.mark.parametrize("name", NAMES)
def test_damaged_archives_are_refused(name: str, tmp_path: Path) -> None:
    path = tmp_path / "a"
    SAMPLERS[name](random_state=0).fit(*toy_table()).save(path)
    with safe_open(path, framework="pt") as file:
        text = file.metadata()["gen_augment"]
        tensors = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118
    header = json.loads(text)
    wrong = [
        (header | {"class_count": [5, 5, 5]}, tensors),
        (header | {"class_count": [31, 30]}, tensors),
        (header | {"seed": "1"}, tensors),
        (header | {"params": {}}, tensors),
        (header | {"codec": {**header["codec"], "parts": []}}, tensors),
        (header, {key: tensor[:1] for key, tensor in tensors.items()}),
        (header, {}),
    ]
    for changed, kept in wrong:
        save_file(kept, path, metadata={"gen_augment": json.dumps(changed)})
        if name == "mixture" and changed["class_count"] == [31, 30]:
            continue  # it keeps no rows to count
        with pytest.raises(ArchiveError):
            load_sampler(path)


def test_bootstrap_draws_training_rows_uniformly() -> None:
    X, y = draw_mixed(40)
    rows, _ = BootstrapSampler(random_state=0).fit(X, y).sample(y={"yes": 8000})
    counts = rows.merge(X[y == "yes"].drop_duplicates(), how="left", indicator=True)["_merge"]
    assert (counts == "both").all()
    share = rows.groupby(list(X.columns), dropna=False, observed=True).size()
    n = (y == "yes").sum()
    assert len(share) == n
    assert (abs(share - 8000 / n) < 5 * np.sqrt(8000 / n)).all()
    images, codes = toy_images()
    assert BootstrapSampler(random_state=0).fit(images, codes).sample(3)[0].dtype == np.uint8


@pytest.mark.parametrize("from_folder", [False, True])
def test_bootstrap_copies_pil_images(from_folder: bool, tmp_path: Path) -> None:
    X, y = as_form("pil-grey")
    for number, (image, label) in enumerate(zip(X, y, strict=True)):
        (tmp_path / str(label)).mkdir(exist_ok=True)
        image.save(tmp_path / str(label) / f"{number}.png")
    sampler = BootstrapSampler(random_state=0)
    sampler = sampler.fit(tmp_path) if from_folder else sampler.fit(X, y)
    assert sampler.n_features_in_ == 144
    label = "1" if from_folder else 1  # the folder's name
    (image,) = sampler.generate([3], [label])
    before = image.copy()
    image.putpixel((0, 0), 255 - image.getpixel((0, 0)))
    assert sampler.generate([3], [label]) == [before]


def test_smote_rows_lie_between_a_row_and_a_neighbour() -> None:
    X, y = toy_table(80)
    made = SMOTESampler(k_neighbors=3, random_state=0).fit(X, y).sample(500, y=1)[0]
    mine = X[y == 1]
    neighbors = (
        NearestNeighbors(n_neighbors=4).fit(mine).kneighbors(mine, return_distance=False)[:, 1:]
    )
    start, end = np.repeat(mine, 3, axis=0), mine[neighbors.ravel()]
    along = ((made[:, None] - start) * (end - start)).sum(-1) / ((end - start) ** 2).sum(-1)
    off = np.abs(made[:, None] - start - along[..., None] * (end - start)).max(-1)
    fits = (off < 1e-9) & (along > -1e-9) & (along < 1 + 1e-9)
    assert fits.any(axis=1).all()
    gaps = along[fits]
    assert abs(gaps.mean() - 0.5) < 0.05
    assert len(np.unique(fits.argmax(axis=1))) > 70


def test_smote_takes_categories_by_majority() -> None:
    X, y = draw_mixed(200)
    sampler = SMOTESampler(random_state=0).fit(X, y)
    rows = sampler.sample(300, y="yes", random_state=0)[0]
    shares = rows["kind"].value_counts(normalize=True)
    truth = X["kind"][y == "yes"].value_counts(normalize=True)
    assert (abs(shares - truth) < 0.15).all()
    few = SMOTESampler().fit(X.iloc[:4], ["a", "a", "b", "b"]).sample(9)[0]
    assert few.dtypes.equals(X.dtypes)
    codes = (
        SMOTESampler(modality=Table({0: "category"}))
        .fit([[1.0, 2], [5, 3], [9, 1], [9, 2]], [0, 0, 1, 1])
        .sample(50)[0]
    )
    assert set(codes[:, 0]) <= {1, 5, 9}


def test_kde_keeps_mean_and_covariance() -> None:
    X, y = draw_mixture(300)
    sampler = KDESampler(random_state=0).fit(X, y)
    check_mixture(sampler, mean=0.2, covariance=0.25)
    for label in range(3):
        mine = torch.as_tensor(TableCodec.fit(X)[0].encode(X[y == label])).numpy()
        assert sampler._width[label] == pytest.approx(gaussian_kde(mine.T).scotts_factor())
    exact = KDESampler(bandwidth=0.0, random_state=0).fit(X, y).sample(20)[0]
    assert (np.abs(exact[:, None] - X).max(-1).min(axis=1) < 1e-5).all()


def test_mixture_finds_two_groups_in_a_class() -> None:
    rng = np.random.default_rng(0)
    X = np.concatenate([rng.normal(-5, 1, 300), rng.normal(5, 0.5, 100), rng.normal(0, 1, 200)])[
        :, None
    ]
    y = np.repeat([0, 1], [400, 200])
    sampler = MixtureSampler(random_state=0).fit(X, y)
    assert (sampler._shares[0] > 0).sum() == 2
    rows = sampler.sample(4000, y=0, random_state=0)[0][:, 0]
    assert abs((rows > 0).mean() - 0.25) < 0.03
    assert abs(rows[rows < 0].mean() + 5) < 0.15
    assert abs(rows[rows > 0].std() - 0.5) < 0.15


@pytest.mark.parametrize("params", [{"k_neighbors": 0}, {"bandwidth": -1}, {"n_components": 2.5}])
def test_bad_parameters_are_named(params: dict[str, Any]) -> None:
    cls = next(c for c in map(SAMPLERS.get, CLASSICAL) if set(params) <= set(c._get_param_names()))
    with pytest.raises(InputError, match=next(iter(params))):
        cls(**params).fit(*toy_table())


@pytest.mark.parametrize("make", [SMOTESampler, KDESampler], ids=["smote", "kde"])
@pytest.mark.parametrize("key", [0, np.int64(0), "0", "pairs"], ids=repr)
def test_column_types_are_saved_for_any_column_name(make: Any, key: Any, tmp_path: Path) -> None:
    X = pd.DataFrame(
        {0: [1.0, 5, 9, 5] * 5, "0": np.arange(20.0) % 3, "pairs": np.arange(20.0) % 3}
    )
    types = {key: "category", **({} if isinstance(key, str) else {"0": "category"})}
    sampler = make(modality=Table(types), random_state=0).fit(X, [0, 1] * 10)
    sampler.save(tmp_path / "a")
    loaded = load_sampler(tmp_path / "a")
    assert loaded.modality == Table(types)
    assert loaded.fingerprint() == sampler.fingerprint()
    for again in (loaded, loaded.fit(X, [0, 1] * 10)):
        assert set(again.sample(200)[0][key]) <= set(X[key])


@pytest.mark.parametrize("value", [2**63 - 1, 2**53 + 1])
def test_smote_refuses_whole_numbers_that_floats_cannot_hold(value: int) -> None:
    X = np.array([[value, 1], [-value, 2], [value, 3], [-value, 4]])
    for rows in (X, pd.DataFrame(X)):
        with pytest.raises(InputError, match="too large"):
            SMOTESampler().fit(rows, [0, 0, 1, 1])


def test_smote_never_overflows() -> None:
    X = np.array([[1.7e308, 1], [-1.7e308, 2], [1.7e308, 3], [-1.7e308, 4]])
    rows = SMOTESampler(random_state=0).fit(X, [0, 0, 1, 1]).sample(40)[0]
    assert np.isfinite(rows).all()
