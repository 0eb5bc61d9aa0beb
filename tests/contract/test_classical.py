"""The contract of samplers without a network, and the definition of each of them."""

import copy
import json
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from safetensors import safe_open
from safetensors.torch import save_file
from sklearn.utils.estimator_checks import parametrize_with_checks

from gen_augment import (
    ArchiveError,
    FilteredSampler,
    InputError,
    NotFittedError,
    SampleBank,
    load_sampler,
)
from gen_augment.samplers import SAMPLERS
from tests.conftest import CLASSICAL, FORMS, as_form, toy_images, toy_table
from tests.contract.test_sklearn import REASONS
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
            continue  # it stores no rows
        with pytest.raises(ArchiveError):
            load_sampler(path)
