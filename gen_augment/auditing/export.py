"""`export`: write a sampler that may leave the place of its rows, or refuse to."""

import os
from pathlib import Path

from gen_augment import archive
from gen_augment.archive import check_writable, write_json
from gen_augment.auditing.findings import clear_difference, seen_in_holdout
from gen_augment.auditing.result import Audit
from gen_augment.errors import ArchiveError, ExportError
from gen_augment.samplers import Sampler
from gen_augment.validation import check_range

__all__ = ["export"]


def export(
    sampler: Sampler,
    path: str | os.PathLike[str],
    *,
    audit: Audit,
    max_copies: float = 0.0,
    max_advantage: float = 0.1,
) -> Path:
    """Save a sampler with its audit sheet, unless the audit shows its training rows.

    `Sampler.save` writes without this check. Passing it is no guarantee: an audit finds what its
    attacks look for. Only training with differential privacy bounds what any attack can find.

    Parameters
    ----------
    sampler : fitted sampler
    path : path-like
        The archive. The sheet is written beside it, with the suffix ``.audit.json``. That of a
        private sampler holds its guarantee and the bounds alone: other figures depend on the rows
        without noise.
    audit : Audit
        Of this very sampler, with unseen rows. That of a pool is asked for at each site, before the
        samplers are pooled.
    max_copies : float in [0, 1]
        Largest share of rows that are copies of training rows, beyond the same share of unseen
        rows. Differences that chance explains are allowed. Archives of most classical samplers,
        such as `KDESampler` and `SMOTESampler`, hold all training rows, which only 1 allows.
    max_advantage : float in [0, 1]
        Largest advantage of the membership attack, ``2 AUC - 1``: 0 if it guesses, 1 if it
        identifies every training row.

    Returns
    -------
    Path
        The sheet.

    Raises
    ------
    ExportError
        The audit exceeds a bound, is of another sampler, had no unseen rows or training rows in
        their place, or was made with other rows than those of `fit`; or the sampler is a pool.
        Nothing is written.
    ArchiveError
        A file cannot be written.

    Examples
    --------
    >>> from sklearn.datasets import load_wine
    >>> from sklearn.linear_model import LogisticRegression
    >>> from gen_augment import BootstrapSampler, audit
    >>> X, y = load_wine(return_X_y=True)
    >>> sampler = BootstrapSampler(random_state=0).fit(X[::2], y[::2])
    >>> model, holdout = LogisticRegression(), (X[1::2], y[1::2])
    >>> found = audit(sampler, X[::2], y[::2], holdout=holdout, model=model)
    >>> export(sampler, "wine.safetensors", audit=found)
    Traceback (most recent call last):
    gen_augment.errors.ExportError: the sampler is not exported: 100% of its rows are copies ...
    """
    check_range("max_copies", max_copies, 0, 1)
    check_range("max_advantage", max_advantage, 0, 1)
    if getattr(sampler, "sites", None) is not None:
        raise ExportError(
            "the sampler is not exported: it is a pool of sites, whose rows are elsewhere. Export "
            "the sampler of each site where its rows are, then save the pool."
        )
    _check_same(sampler, audit)
    _check_rows(sampler, audit)
    reasons = _reasons(audit, max_copies, max_advantage)
    if sampler._holds_rows and max_copies < 1:
        reasons.append(
            f"an archive of a {type(sampler).__name__} holds its training rows, unlike those of "
            f"MixtureSampler, ConditionalFlow and MarginalSampler (max_copies={max_copies})"
        )
    if reasons:
        raise ExportError(
            f"the sampler is not exported: {'; '.join(reasons)}. Fit it with privacy=Private(...), "
            "for fewer steps or on more rows, or filter its rows."
        )
    path = Path(path)
    name = path.stem if path.suffix == ".safetensors" else path.name
    sheet = path.parent / f"{name}.audit.json"
    for file in (path, sheet):
        check_writable(file)
        if file.is_dir():
            raise ArchiveError(f"{file} is a folder: give the path of a file.")
    archive.write(path, *sampler._to_archive())  # `save` adds a hash of the rows
    bounds = {"max_copies": max_copies, "max_advantage": max_advantage}
    if audit.card["privacy"] is None:
        audit.to_json(sheet, export=bounds)
    else:
        kept = ("sampler_fingerprint", "privacy", "date", "versions")
        write_json(sheet, {name: audit.card[name] for name in kept} | {"export": bounds})
    return sheet


def _check_same(sampler: Sampler, audit: Audit) -> None:
    if not isinstance(audit, Audit):
        raise ExportError(
            f"audit is a {type(audit).__name__}: give what audit(sampler, ...) found."
        )
    mine, audited = sampler.fingerprint(), audit.card["sampler_fingerprint"]
    if mine != audited:
        raise ExportError(
            f"the audit is of the sampler {audited}, and this one is {mine}: audit this sampler."
        )
    if "membership_auc" not in audit.figures:
        raise ExportError(
            "the audit had no unseen rows, which tell copies from chance: give "
            "audit(sampler, X, y, holdout=(X_unseen, y_unseen))."
        )


def _check_rows(sampler: Sampler, audit: Audit) -> None:
    """Raise if the rows of the audit are not the training rows, or its unseen rows were seen."""
    card = audit.card
    counts = zip(sampler.classes_.tolist(), sampler.class_count_.tolist(), strict=True)
    fitted = {str(label): count for label, count in counts}
    if card["privacy"] is None and fitted != card["class_counts"]:  # private counts are noisy
        raise ExportError(
            f"the audit compared with rows of the classes {card['class_counts']}, and the sampler "
            f"was fitted on {fitted}: give audit(sampler, X, y) all rows that it was fitted on."
        )
    if card["is_training_data"] is False:
        raise ExportError(
            "the rows of the audit are not those that the sampler was fitted on: give "
            "audit(sampler, X, y) the rows of fit."
        )
    if seen := seen_in_holdout(card):
        raise ExportError(f"{seen}: give rows as holdout that were not in fit.")


def _reasons(audit: Audit, max_copies: float, max_advantage: float) -> list[str]:
    """Return in words which bounds are exceeded."""
    reasons = []
    n, n_unseen = audit.card["synthetic_rows"], audit.card["unseen_rows"]
    copies, reference = audit.figures["copies"]
    if copies > reference + clear_difference(copies, reference, n, n_unseen, least=max_copies):
        reasons.append(
            f"{100 * copies:.3g}% of its rows are copies of training rows, and "
            f"{100 * reference:.3g}% of unseen rows are (max_copies={max_copies})"
        )
    secrets = audit.figures.get("copied_secrets", (0.0, 0.0))[0]
    if secrets > 0:
        reasons.append(f"{100 * secrets:.3g}% of its rows hold a secret of a training row")
    if audit.per_column is not None:
        table = audit.per_column.fillna({"copied": 0.0, "reference_copied": 0.0})
        names = table.index[table["copied"] > table["reference_copied"] + 1 / n].tolist()
        if names:
            reasons.append(f"the columns {names} hold identifiers of training rows")
    advantage = 2 * audit.figures["membership_auc"][0] - 1
    if not advantage <= max_advantage:  # also refuses NaN
        reasons.append(
            f"the advantage of a membership attack is {advantage:.3g} "
            f"(max_advantage={max_advantage})"
        )
    return reasons
