"""What the export gate lets through, and what it refuses."""

import json
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from gen_augment import (
    BootstrapSampler,
    ExportError,
    InputError,
    KDESampler,
    MixedSampler,
    MixtureSampler,
    SampleBank,
    archive,
    audit,
    export,
    load_sampler,
    pool,
)
from gen_augment.auditing import Audit
from gen_augment.errors import ArchiveError


def blobs(seed: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    y = np.arange(400) % 2
    return rng.normal(size=(400, 4)) + 2 * y[:, None], y


@cache
def audited(name: str) -> tuple[Any, Audit]:
    made = {"copies": BootstrapSampler, "model": MixtureSampler, "kernels": KDESampler}
    sampler = made[name](random_state=0).fit(*blobs(0))
    return sampler, audit(sampler, *blobs(0), holdout=blobs(1), model=LogisticRegression())


def test_a_model_that_learned_a_distribution_passes(tmp_path: Path) -> None:
    sampler, found = audited("model")
    path = tmp_path / "model.safetensors"
    sheet = export(sampler, path, audit=found)
    assert load_sampler(path).fingerprint() == sampler.fingerprint()
    record = json.loads(sheet.read_text())
    assert sheet == tmp_path / "model.audit.json"
    assert record["sampler_fingerprint"] == sampler.fingerprint()
    assert record["export"] == {"max_copies": 0.0, "max_advantage": 0.1}
    assert record["figures"]["membership_auc"]["synthetic"] == pytest.approx(
        found.figures["membership_auc"][0], rel=1e-6
    )


def test_copies_are_refused(tmp_path: Path) -> None:
    sampler, found = audited("copies")
    with pytest.raises(ExportError, match=r"100% of its rows are copies.*max_copies=0.0.*attack"):
        export(sampler, tmp_path / "a.safetensors", audit=found)
    assert not list(tmp_path.iterdir())
    sampler.save(tmp_path / "a.safetensors")  # a plain save stays
    export(sampler, tmp_path / "b.safetensors", audit=found, max_copies=1, max_advantage=1)


def test_membership_is_refused_above_its_bound(tmp_path: Path) -> None:
    sampler, found = audited("kernels")
    advantage = 2 * found.figures["membership_auc"][0] - 1
    assert 0.1 < advantage < 1
    assert found.figures["copies"][0] == 0
    with pytest.raises(ExportError, match="advantage of a membership attack is 0"):
        export(sampler, tmp_path / "a.safetensors", audit=found)
    bounds = {"max_advantage": advantage + 1e-6}
    with pytest.raises(ExportError, match=r"exported: an archive of a KDESampler holds its train"):
        export(sampler, tmp_path / "a.safetensors", audit=found, **bounds)
    assert not list(tmp_path.iterdir())
    export(sampler, tmp_path / "a.safetensors", audit=found, max_copies=1, **bounds)


def test_an_audit_of_another_sampler(tmp_path: Path) -> None:
    _, found = audited("model")
    other = MixtureSampler(random_state=1).fit(*blobs(0))
    with pytest.raises(ExportError, match="the audit is of the sampler"):
        export(other, tmp_path / "a.safetensors", audit=found)
    bank = SampleBank.build(other, 30, tmp_path / "bank")
    of_bank = audit(bank, *blobs(0), holdout=blobs(1), model=LogisticRegression())
    with pytest.raises(ExportError, match="the audit is of the sampler None"):
        export(other, tmp_path / "a.safetensors", audit=of_bank)
    with pytest.raises(ExportError, match="audit is a NoneType"):
        export(other, tmp_path / "a.safetensors", audit=None)  # type: ignore[arg-type]


def test_an_audit_without_unseen_rows_says_nothing(tmp_path: Path) -> None:
    sampler, _ = audited("model")
    found = audit(sampler, *blobs(0), model=LogisticRegression())
    with pytest.raises(ExportError, match="no unseen rows"):
        export(sampler, tmp_path / "a.safetensors", audit=found)


def test_figures_that_are_not_numbers_do_not_pass(tmp_path: Path) -> None:
    sampler, found = audited("model")
    unknown = replace(found, figures=found.figures | {"membership_auc": (np.nan, np.nan)})
    with pytest.raises(ExportError, match="advantage"):
        export(sampler, tmp_path / "a.safetensors", audit=unknown)


@pytest.mark.parametrize("bounds", [{"max_copies": -1}, {"max_advantage": 2}])
def test_bad_bounds(bounds: dict[str, float], tmp_path: Path) -> None:
    sampler, found = audited("model")
    with pytest.raises(InputError, match=next(iter(bounds))):
        export(sampler, tmp_path / "a.safetensors", audit=found, **bounds)  # type: ignore[arg-type]


def test_the_sheet_of_a_private_sampler_holds_its_guarantee_alone(tmp_path: Path) -> None:
    sampler, found = audited("model")
    private = replace(found, card=found.card | {"privacy": {"epsilon": 1.0}})
    record = json.loads(export(sampler, tmp_path / "a.safetensors", audit=private).read_text())
    assert set(record) == {"sampler_fingerprint", "privacy", "date", "versions", "export"}


def test_training_rows_are_no_unseen_rows(tmp_path: Path) -> None:
    sampler, _ = audited("copies")
    X, y = blobs(0)
    for holdout in ((X, y), (X[::3], y[::3]), (np.r_[X[:50], blobs(1)[0]], np.r_[y[:50], y])):
        found = audit(sampler, X, y, holdout=holdout, model=LogisticRegression())
        with pytest.raises(ExportError, match="of the unseen rows of the audit are training rows"):
            export(sampler, tmp_path / "a.safetensors", audit=found)
    assert not list(tmp_path.iterdir())


def test_unseen_rows_of_few_kinds_may_equal_training_rows(tmp_path: Path) -> None:
    X, y = (blobs(0)[0] > 1).astype(int), blobs(0)[1]
    sampler = MixtureSampler(random_state=0).fit(X, y)
    unseen = (blobs(1)[0] > 1).astype(int), y
    found = audit(sampler, X, y, holdout=unseen, model=LogisticRegression())
    assert found.card["unseen_repeats"] > 0.9
    export(sampler, tmp_path / "a.safetensors", audit=found)


def test_the_audit_is_of_the_training_rows(tmp_path: Path) -> None:
    sampler, _ = audited("copies")
    X, y = blobs(2)
    found = audit(sampler, X[:300], y[:300], holdout=blobs(1), model=LogisticRegression())
    with pytest.raises(ExportError, match=r"fitted on \{'0': 200, '1': 200\}: give audit"):
        export(sampler, tmp_path / "a.safetensors", audit=found)


@pytest.mark.parametrize("cls", [BootstrapSampler, MixtureSampler])
def test_other_rows_of_the_same_classes_are_found(cls: Any, tmp_path: Path) -> None:
    X, y = blobs(0)
    sampler = cls(random_state=0).fit(X, y)
    sampler.save(path := tmp_path / "b.safetensors")
    order = np.random.default_rng(0).permutation(400)
    few: dict[str, Any] = {"holdout": blobs(1), "model": LogisticRegression(), "n_samples": 50}
    for known in (sampler, load_sampler(path)):
        found = audit(known, X[order], y[order], **few)
        assert found.card["is_training_data"] is True
        other = audit(known, *blobs(2), **few)
        assert other.card["is_training_data"] is False
        with pytest.raises(ExportError, match="are not those that the sampler was fitted on"):
            export(known, tmp_path / "a.safetensors", audit=other)


def test_an_exported_sampler_holds_no_hash_of_rows(tmp_path: Path) -> None:
    sampler, found = audited("model")
    exported, saved = tmp_path / "a.safetensors", tmp_path / "b.safetensors"
    export(sampler, exported, audit=found)
    sampler.save(saved)
    assert "training_rows" not in archive.read(exported)[0]
    header, tensors = archive.read(saved)
    loaded = load_sampler(saved)
    assert loaded.fingerprint() == load_sampler(exported).fingerprint()
    loaded.save(saved)
    assert archive.read(saved)[0] == header
    archive.write(saved, header | {"training_rows": 3}, tensors)
    with pytest.raises(ArchiveError, match="training_rows=3 is not a str"):
        load_sampler(saved)


def test_pools_and_mixtures(tmp_path: Path) -> None:
    X, y = blobs(0)
    model, rows = (cls(random_state=0).fit(X, y) for cls in (MixtureSampler, BootstrapSampler))
    mixed, few = MixedSampler([model, model]), MixedSampler([model, rows], weights=[1, 1e-6])
    for sampler in (mixed, few, pool([model])):
        found = audit(sampler, X, y, holdout=blobs(1), model=LogisticRegression())
        if sampler is mixed:
            export(sampler, tmp_path / "a.v1", audit=found)
            assert (tmp_path / "a.v1.audit.json").exists()
            continue
        reason = "holds its training rows" if sampler is few else "is a pool of sites"
        with pytest.raises(ExportError, match=reason):
            export(sampler, tmp_path / "b.safetensors", audit=found)


def test_a_sheet_that_cannot_be_written_leaves_no_archive(tmp_path: Path) -> None:
    sampler, found = audited("model")
    (tmp_path / "a.audit.json").mkdir()
    for path in (tmp_path / "a.safetensors", ""):
        with pytest.raises(ArchiveError):
            export(sampler, path, audit=found)
    assert [each.name for each in tmp_path.iterdir()] == ["a.audit.json"]
