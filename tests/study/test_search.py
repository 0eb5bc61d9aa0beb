"""The search finds what helps, says "use none" where nothing does, and never sees the test part."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.naive_bayes import GaussianNB

from gen_augment import AugmentedDataset, ConditionalVAE
from gen_augment.errors import InputError
from gen_augment.study import Study
from gen_augment.study.search import candidates
from gen_augment.study.task import row_digests
from tests.conftest import small_sampler
from tests.study.toys import Copies, Failing, Log, TrueDraws, WrongLabels, gaussians, small_study

TEST = gaussians(2000, dim=10, seed=1)


def searching(samplers: dict[str, Any], **changes: Any) -> Study:
    settings: dict[str, Any] = {
        "model": GaussianNB(), "arms": ["real", "oversample"], "samplers": samplers, "per_class": 10, "n_seeds": 8,
    }  # fmt: skip
    return small_study(*gaussians(600, dim=10), **({"test": TEST} | settings | changes))


def test_the_sampler_that_knows_the_truth_is_recommended(tmp_path: Path) -> None:
    samplers = {"copies": Copies(), "true": TrueDraws(), "wrong": WrongLabels()}
    study = searching(samplers)
    found = study.recommend(tmp_path, ratios=(0.5, 4), filters=())
    assert found.use == "true:4"
    assert found.verdict.startswith("Yes")
    assert found.counts == {0: 1200, 1: 1200}
    assert set(found.searched) == {"real", "oversample", *(f"{s}:{r}" for s in samplers for r in ("0.5", "4"))}
    X, y = gaussians(600, dim=10)
    more, labels = found.augment(X, y)
    assert len(more) == len(labels) == 3000
    np.testing.assert_array_equal(more[:600], X)
    # Run again, nothing is trained anew.
    again = study.recommend(tmp_path, ratios=(0.5, 4), filters=())
    assert (again.use, again.searched) == (found.use, found.searched)


def test_nothing_is_recommended_where_nothing_helps() -> None:
    X, y = gaussians(100)
    found = searching({"wrong": WrongLabels()}, n_seeds=4).recommend(ratios=(1,), filters=())
    assert found.use is None
    assert found.sampler is None
    assert found.augment(X, y) == (X, y)
    # A gain that is smaller than what would matter is none either.
    small = searching({"true": TrueDraws()}, n_seeds=4, margin=0.5).recommend(ratios=(2,), filters=())
    assert small.use is None


def test_the_search_sees_no_test_row() -> None:
    log = Log()
    study = searching({"copies": Copies(log)}, n_seeds=3)
    study.recommend(ratios=(1, 2), filters=())
    assert len(log) == 4  # one fit for each seed of the search, and of what confirms
    assert not {digest for rows in log for digest in rows} & set(row_digests(TEST[0]))
    # Without one, a part is set aside, and stays aside in the search and in what confirms.
    log.clear()
    apart = searching({"copies": Copies(log)}, test=None, n_seeds=3)
    apart.recommend(ratios=(1, 2), filters=())
    assert len({digest for rows in log for digest in rows}) <= 0.7 * 600


def test_candidates() -> None:
    study = searching({"flow": small_sampler("flow"), "vae": small_sampler("vae")})
    assert candidates(study, (0.5,), ("agreement",), (1.5,), "+logit") == [
        "flow:0.5+logit", "flow:0.5:guidance=1.5+logit", "flow:0.5:agreement+logit",
        "flow:0.5:agreement:guidance=1.5+logit", "vae:0.5+logit", "vae:0.5:agreement+logit",
    ]  # fmt: skip


def test_what_is_recommended_goes_into_a_dataset(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gen_augment.study.search._decided", lambda compared, margin: True)
    X, y = gaussians(100, dim=10)
    sampler = ConditionalVAE(max_steps=20, device="cpu")
    found = searching({"vae": sampler}, n_seeds=3).recommend(ratios=(0.5,), filters=())
    dataset = AugmentedDataset(list(zip(X, y, strict=True)), found.sampler, counts=found.counts)  # type: ignore[arg-type]
    assert len(dataset) == 100 + 300


def test_samplers_that_cannot_be_searched() -> None:
    with pytest.raises(InputError, match="nothing to search among"):
        searching({}).recommend()
    with pytest.raises(InputError, match="no candidate could be trained"):
        searching({"f": Failing(Log(), at=tuple(range(9)))}).recommend(ratios=(1,), filters=())
