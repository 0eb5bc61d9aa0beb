"""Private fits: what an archive holds, what is refused, and what an attack finds."""

import json
import math
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from opacus.accountants import RDPAccountant
from opacus.optimizers import DPOptimizer
from scipy import stats
from sklearn.neighbors import NearestNeighbors

from gen_augment import (
    ConditionalFlow,
    ConditionalGAN,
    ConditionalVAE,
    InputError,
    KDESampler,
    MarginalSampler,
    MixedSampler,
    NetworkSampler,
    Private,
    archive,
    audit,
    load_sampler,
    pool,
)
from gen_augment.errors import ArchiveError
from gen_augment.metrics import audited_epsilon
from gen_augment.privacy.accounting import gaussian_delta
from gen_augment.samplers import fitting, private_training
from gen_augment.training import Checkpoint, EarlyStopping, SampleGrid
from gen_augment.training.noisy import PoissonBatches
from tests.conftest import toy_images, toy_table

SAMPLERS = [ConditionalFlow, ConditionalVAE, ConditionalGAN]
BOUNDS = {0: (-9, 9), 1: (-9, 9), 2: (-9, 9)}
BUDGET = Private(3, 1e-4, bounds=BOUNDS, classes=[0, 1])
IMAGES = Private(3, 1e-4, classes=[0, 1])


def small(cls: Any, **params: Any) -> Any:
    sizes = {"max_steps": 4, "batch_size": 16, "width": 4, "random_state": 0, "device": "cpu"}
    return cls(**sizes | params)


@pytest.mark.parametrize("cls", SAMPLERS)
@pytest.mark.parametrize("data", [(toy_table(120), BUDGET), (toy_images(60), IMAGES)])
def test_an_archive_holds_the_guarantee_and_nothing_else_of_the_rows(
    cls: Any, data: Any, tmp_path: Path
) -> None:
    (X, y), budget = data
    sampler = small(cls, privacy=budget).fit(X, y)
    assert 2.9 < sampler.privacy_["epsilon"] <= 3
    assert sampler.privacy_["delta"] == 1e-4
    assert sampler.privacy_["training"]["steps"] == 4
    assert sampler.history_ == {"step": []}
    assert not any(isinstance(m, torch.nn.BatchNorm2d) for m in sampler.network_.modules())
    sampler.save(tmp_path / "a.safetensors")
    header, tensors = archive.read(tmp_path / "a.safetensors")
    assert header["privacy"] == sampler.privacy_
    assert header["history"] == {"step": []}
    assert not any(t.count_nonzero() for name, t in tensors.items() if "codes.mean" in name)
    untouched = [t for name, t in tensors.items() if name.startswith(("probe.", "augmentation."))]
    again = small(cls, privacy=budget, max_steps=1).fit(X, y).network_.state_dict()
    for name, tensor in tensors.items():
        if name in ("probe.score", "probe.best_scores", "augmentation.p", "augmentation.mean_sign"):
            torch.testing.assert_close(tensor, again[name])
    assert bool(untouched) == (cls is ConditionalGAN)
    loaded: Any = load_sampler(tmp_path / "a.safetensors")
    assert loaded.privacy == budget or loaded.privacy.epsilon == 3
    assert loaded.privacy_ == sampler.privacy_
    assert loaded.fingerprint() == sampler.fingerprint()
    np.testing.assert_array_equal(
        loaded.sample(6, random_state=1)[0], sampler.sample(6, random_state=1)[0]
    )


@pytest.mark.parametrize("cls", SAMPLERS)
def test_an_infinite_budget_is_the_plain_sampler(cls: Any) -> None:
    X, y = toy_table()
    plain = small(cls).fit(X, y)
    infinite = small(cls, privacy=Private(math.inf, 1e-5)).fit(X, y)
    for name, tensor in plain.network_.state_dict().items():
        assert torch.equal(tensor, infinite.network_.state_dict()[name])
    assert infinite.fingerprint() == plain.fingerprint()
    assert infinite.history_ == plain.history_
    assert infinite.privacy_ is None
    np.testing.assert_array_equal(plain.sample(9)[0], infinite.sample(9)[0])


@pytest.mark.parametrize("cls", SAMPLERS)
def test_training_moves_as_without_noise_if_there_is_hardly_any(cls: Any) -> None:
    """With a huge budget, a private fit learns the classes."""
    X, y = toy_table(200)
    budget = Private(1e5, 1e-4, bounds=BOUNDS, classes=[0, 1])
    sampler = small(cls, privacy=budget, max_steps=60, width=8, batch_size=50, lr=2e-2)
    rows, labels = sampler.fit(X, y).sample(y={0: 100, 1: 100})
    means = [X[y == c, 0].mean() for c in (0, 1)]
    found = [rows[labels == c, 0].mean() for c in (0, 1)]
    assert np.sign(found[1] - found[0]) == np.sign(means[1] - means[0])
    assert abs(found[1] - found[0]) > 0.25 * abs(means[1] - means[0])


@pytest.mark.parametrize("cls", [ConditionalVAE, MarginalSampler])
def test_an_archive_with_a_damaged_guarantee(cls: Any, tmp_path: Path) -> None:
    sizes = {"max_steps": 1} if cls is ConditionalVAE else {"n_iterations": 5}
    header, tensors = cls(privacy=BUDGET, **sizes).fit(*toy_table(120))._to_archive()
    right = header["privacy"]
    wrong: list[Any] = [right | {"epsilon": e} for e in ("3", -5, math.nan, True)]
    for record in (*wrong, right | {"delta": 2}, right | {"unit": None}, "x", 3, {}):
        archive.write(tmp_path / "a.safetensors", header | {"privacy": record}, tensors)
        with pytest.raises(ArchiveError, match=r"does not fit together: .*privacy"):
            load_sampler(tmp_path / "a.safetensors")


@pytest.mark.parametrize("cls", SAMPLERS)
def test_the_guarantee_stays_with_the_weights(cls: Any, tmp_path: Path) -> None:
    X, y = toy_images(60)
    sampler = small(cls, privacy=IMAGES).fit(X, y)
    rows = sampler.sample(5, random_state=0)[0]
    sampler.set_params(privacy=None)
    sampler.save(tmp_path / "a.safetensors")
    for copy in (load_sampler(tmp_path / "a.safetensors"), pickle.loads(pickle.dumps(sampler))):
        assert copy.privacy_ == sampler.privacy_
        np.testing.assert_array_equal(copy.sample(5, random_state=0)[0], rows)
    plain = sampler.fit(X, y)  # now without a budget
    assert plain.privacy_ is None
    assert plain.history_["step"]


def test_fits_are_not_repeatable() -> None:
    X, y = toy_table()
    first, second = (small(ConditionalFlow, privacy=BUDGET).fit(X, y) for _ in range(2))
    assert first.fingerprint() != second.fingerprint()
    assert first.seed_ == second.seed_ == 0


@pytest.mark.parametrize(
    ("cls", "params", "message"),
    [
        (ConditionalFlow, {"precision": "bf16-mixed"}, "precision='bf16-mixed'"),
        (ConditionalFlow, {"torch_compile": True}, "torch_compile=True"),
        (ConditionalFlow, {"class_balance": 0.5}, "class_balance=0.5"),
        (ConditionalVAE, {"latent": "posterior"}, "latent='posterior'"),
        (ConditionalVAE, {"perceptual": 0.1}, r"perceptual=0\.1"),
        (ConditionalGAN, {"augment": "adaptive"}, "augment='adaptive'"),
        (ConditionalFlow, {"callbacks": [EarlyStopping()]}, "callback EarlyStopping"),
        (ConditionalFlow, {"callbacks": [Checkpoint("a.safetensors")]}, "callback Checkpoint"),
    ],
)
def test_what_cannot_be_private(cls: Any, params: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        small(cls, privacy=BUDGET, **params).fit(*toy_table())


def test_no_second_training() -> None:
    X, y = toy_table()
    sampler = small(ConditionalFlow, privacy=BUDGET).fit(X, y)
    with pytest.raises(InputError, match="cannot be trained further"):
        sampler.partial_fit(X, y)
    with pytest.raises(InputError, match="cannot be trained further"):
        sampler.set_params(privacy=None).partial_fit(X, y)
    with pytest.raises(InputError, match="init is not possible"):
        small(ConditionalFlow, privacy=BUDGET).fit(X, y, init=small(ConditionalFlow).fit(X, y))
    small(ConditionalFlow).fit(X, y, init=small(ConditionalFlow, privacy=BUDGET).fit(X, y))
    X, y = toy_images(60)
    for cls in (ConditionalVAE, ConditionalGAN):
        with pytest.raises(InputError, match="fitted privately, with group normalisation"):
            small(cls).fit(X, y, init=small(cls, privacy=IMAGES).fit(X, y))


def test_callbacks_that_see_samples_only(tmp_path: Path) -> None:
    X, y = toy_images(60)
    grid = SampleGrid(tmp_path, every=2, n_per_class=2)
    small(ConditionalFlow, privacy=IMAGES, callbacks=[grid]).fit(X, y)
    assert len(list(tmp_path.iterdir())) == 2


def test_a_pool_and_an_audit_state_the_guarantee(tmp_path: Path) -> None:
    X, y = toy_table(120)
    first, second = (
        small(ConditionalFlow, privacy=Private(e, 1e-4, bounds=BOUNDS, classes=[0, 1])).fit(X, y)
        for e in (1, 3)
    )
    pooled = pool([first, second])
    assert pooled.privacy_ is not None
    assert pooled.privacy_["epsilon"] == second.privacy_["epsilon"]
    assert pooled.fit(X, y).privacy_ == pooled.privacy_  # its rows are elsewhere
    assert pool([first, KDESampler().fit(X, y)]).privacy_ is None
    mixed = MixedSampler([first, second])
    mixed.save(tmp_path / "mixed.safetensors")
    for both in (mixed, load_sampler(tmp_path / "mixed.safetensors")):  # of the same rows
        assert both.privacy_["epsilon"] == first.privacy_["epsilon"] + second.privacy_["epsilon"]
        assert both.class_count_.tolist() == first.class_count_.tolist()
    found = audit(first, X, y, holdout=toy_table(120, seed=1), n_samples=50)
    assert found.card["privacy"] == first.privacy_
    json.dumps(found.card)


def attacked(sampler: NetworkSampler, rows: np.ndarray, planted: np.ndarray) -> Any:
    """How likely guessing is as good as the attack, and the epsilon that the attack proves."""
    made = sampler.sample(4000, random_state=0)[0]
    distances = NearestNeighbors(n_neighbors=1).fit(made).kneighbors(rows)[0][:, 0]
    test = stats.mannwhitneyu(distances[planted], distances[~planted], alternative="less")
    right = (distances <= np.median(distances)) == planted
    return test.pvalue, audited_epsilon(int(right.sum()), len(planted))


def test_planted_rows_are_found_without_privacy_and_not_with_it() -> None:
    rng = np.random.default_rng(0)
    corners = rng.choice(2**10, 120, replace=False)
    rows = (2.0 * (corners[:, None] >> np.arange(10) & 1) - 1) * rng.uniform(6, 9, (120, 10))
    planted = rng.random(120) < 0.5
    X = np.concatenate([rng.normal(size=(100, 10)), rows[planted].repeat(3, axis=0)])
    y = np.arange(len(X)) % 2
    size = {"width": 16, "batch_size": 64, "lr": 4e-3}
    plain = small(ConditionalVAE, max_steps=400, **size).fit(X, y)
    p, proven = attacked(plain, rows, planted)
    assert p < 1e-6
    assert proven > 1.5
    budget = Private(1, 1e-4, bounds=dict.fromkeys(range(10), (-9, 9)), classes=[0, 1])
    private = small(ConditionalVAE, max_steps=30, privacy=budget, **size).fit(X, y)
    p, proven = attacked(private, rows, planted)
    assert p > 1e-3
    assert proven < 1


def test_the_noise_is_that_of_the_budget() -> None:
    X, y = toy_table(120)
    sampler = small(ConditionalFlow, privacy=BUDGET, max_steps=1, batch_size=10**6)
    _, _, noise = private_training.prepare(sampler, X, y, None)
    assert noise is not None
    record = noise.record
    assert noise.rate == 1
    assert record["training"]["accountant"] == "closed form"
    training = record["training"]
    assert gaussian_delta(noise.multiplier, training["epsilon"]) == pytest.approx(
        training["delta"], rel=0.02
    )


def test_opacus_counts_the_steps_of_a_fit_as_the_guarantee_does(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    accountant, batches = RDPAccountant(), []
    step = DPOptimizer.step

    def counted(self: Any, *args: Any) -> Any:
        rate = batches[0].rate
        accountant.step(noise_multiplier=self.noise_multiplier, sample_rate=rate)
        return step(self, *args)

    made = PoissonBatches.__init__

    def kept(self: PoissonBatches, *args: Any) -> None:
        made(self, *args)
        batches.append(self)

    monkeypatch.setattr(DPOptimizer, "step", counted)
    monkeypatch.setattr(PoissonBatches, "__init__", kept)
    sampler = small(ConditionalFlow, privacy=BUDGET, max_steps=7).fit(*toy_table(120))
    training = sampler.privacy_["training"]
    assert 2.6 < training["epsilon"] <= 2.71
    assert accountant.get_epsilon(training["delta"]) == pytest.approx(training["epsilon"], rel=0.02)


@pytest.mark.parametrize("cls", [*SAMPLERS, MarginalSampler])
def test_a_class_of_one_row_an_absent_class_and_a_column_of_one_value(cls: Any) -> None:
    X, y = toy_table(120)
    X[:, 1], y[:] = 5.0, 0
    y[0] = 1
    budget = Private(3, 1e-4, bounds=BOUNDS, classes=[0, 1, 2])
    known = set(cls._get_param_names())
    sizes = {"max_steps": 3, "batch_size": 16, "width": 4, "device": "cpu", "n_iterations": 50}
    sampler = cls(privacy=budget, random_state=0, **{k: v for k, v in sizes.items() if k in known})
    rows, labels = sampler.fit(X, y).sample(y={0: 3, 1: 3, 2: 3})
    assert np.isfinite(rows).all()
    assert np.abs(rows).max() <= 9
    assert labels.tolist() == [0] * 3 + [1] * 3 + [2] * 3
    assert (sampler.class_count_ >= 1).all()
    with pytest.warns(UserWarning, match="one over the number of rows"):
        sampler.set_params(privacy=Private(3, 0.1, bounds=BOUNDS, classes=[0, 1, 2])).fit(X, y)
    narrow = Private(3, 1e-4, bounds=BOUNDS | {1: (0, 1)}, classes=[0, 1, 2])
    with pytest.warns(UserWarning, match=r"clipped: \{'1': 120\}"):
        sampler.set_params(privacy=narrow).fit(X, y)
    assert sampler.sample(20)[0][:, 1].max() <= 1


def test_a_fit_that_is_interrupted_before_its_first_step_leaves_the_previous_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    X, y = toy_table(60)
    sampler = small(ConditionalVAE).fit(X, y)
    before = sampler.fingerprint()

    def interrupted(*args: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(fitting, "untrained", interrupted)
    sampler.set_params(privacy=BUDGET)
    with pytest.raises(KeyboardInterrupt):
        sampler.fit(X, y)
    sampler.set_params(privacy=None)
    assert sampler.privacy_ is None
    assert sampler.fingerprint() == before


@pytest.mark.parametrize("privacy", [{"epsilon": 3}, True, 3])
@pytest.mark.parametrize("cls", [ConditionalVAE, MarginalSampler])
def test_a_budget_is_private(cls: Any, privacy: Any) -> None:
    with pytest.raises(InputError, match=r"privacy=.* is no budget: give Private"):
        cls(privacy=privacy).fit(*toy_table())
