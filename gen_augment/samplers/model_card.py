"""The card of a sampler that is shared: what it is, what it learned from, and how to use it."""

import json
from typing import Any

import gen_augment

__all__ = ["model_card"]

#: Classes and findings that are listed.
_MAX_CLASSES = 50

_CARD = """---
library_name: gen_augment
tags:
- synthetic-data
- data-augmentation
{license}---

# {method} for synthetic {modality} rows

This sampler generates labelled rows. It was fitted with gen_augment {version}.

## Data form

| | |
| --- | --- |
| modality | {modality} |
| values of a row | {n_features} |
| labelled training rows | {n_rows} |
| classes | {n_classes} |

{classes}

## How to use it

```python
from gen_augment import load_sampler

sampler = load_sampler({source})
X, y = sampler.sample(100, random_state=0)
```

The file holds weights as safetensors and settings as JSON. Nothing in it is executed.

## Audit

{audit}

## Licence and limits

{terms} Synthetic rows can repeat what is in the training rows, errors and biases included. Measure
on your own data whether they help, for example with `gen_augment.Study`.
"""
_NO_AUDIT = (
    "No audit was given, so nothing is known about the quality of the rows, or about how much they "
    "reveal of the training rows. `gen_augment.audit` compares them with real rows."
)


def model_card(
    sampler: Any,
    *,
    audit: Any = None,
    license: str | None = None,  # noqa: A002 # the word of the hub
    repo_id: str = "",
) -> str:
    """Return the card as Markdown with the metadata that the hub reads.

    Parameters
    ----------
    sampler : fitted sampler
    audit : Audit, optional
    license : str, optional
    repo_id : str
        Where the sampler will be; by default the card names a file.

    Examples
    --------
    >>> from sklearn.datasets import load_wine
    >>> from gen_augment import KDESampler
    >>> sampler = KDESampler().fit(*load_wine(return_X_y=True))
    >>> print(model_card(sampler, license="cc-by-4.0").splitlines()[5])
    license: "cc-by-4.0"
    """
    modality = sampler.codec_.modality.name
    return _CARD.format(
        license=f"license: {json.dumps(license)}\n" if license else "",
        method=type(sampler).__name__,
        modality=modality,
        version=gen_augment.__version__,
        n_features=sampler.n_features_in_,
        n_rows=int(sampler.class_count_.sum()),
        n_classes=len(sampler.classes_),
        classes=_classes(sampler),
        source=json.dumps(f"hub:{repo_id}" if repo_id else "sampler.safetensors"),
        audit=_described(sampler, audit),
        terms=f"Licence: {_plain(license)}." if license else "No licence was named.",
    )


def _described(sampler: Any, audit: Any) -> str:
    guarantee = getattr(sampler, "privacy_", None)
    if guarantee is not None:
        return (
            f"Training was differentially private, with epsilon {guarantee['epsilon']:.4g} and "
            f"delta {guarantee['delta']:.4g} for {guarantee['unit']}. Numbers of rows on "
            "this card are noisy or public. There is no audit: its figures would not be private."
        )
    return _NO_AUDIT if audit is None else _audit(audit)


def _classes(sampler: Any) -> str:
    pairs = zip(sampler.classes_.tolist(), sampler.class_count_.tolist(), strict=True)
    lines = [f"| {_plain(label)} | {n} |" for label, n in list(pairs)[:_MAX_CLASSES]]
    more = len(sampler.classes_) - len(lines)
    ending = [f"\n{more} more classes are not listed."] if more > 0 else []
    return "\n".join(["| class | training rows |", "| --- | ---: |", *lines, *ending])


def _audit(audit: Any) -> str:
    """Return verdict, findings and figures; findings about copies are those of privacy."""
    numbered = enumerate(audit.findings, 1)
    findings = "".join(f"\n{number}. {_plain(text)}" for number, text in numbered)
    figures = [
        f"| {_plain(audit.meanings[name].title)} | {_number(row['synthetic'])} | "
        f"{_number(row['reference'])} | {row['ideal']} |"
        for name, row in audit.table.to_dict("index").items()
    ]
    head = "| figure | synthetic rows | real rows | best value |\n| --- | ---: | ---: | --- |"
    table = "\n".join([head, *figures])
    unseen = audit.card.get("unseen_rows", 0)
    how = f"{unseen} unseen real rows" if unseen else "training rows, because none were set aside"
    return f"{audit.verdict}{findings}\n\nThe rows were compared with {how}.\n\n{table}"


def _number(value: float) -> str:
    return "–" if value != value else f"{value:.3f}"


def _plain(text: Any) -> str:
    """Return a label or a sentence as it is to be read: no Markdown, HTML or line breaks."""
    marked = str(text).replace("\n", " ").replace("\r", " ")
    for sign in "\\`*_|[]<>#":
        marked = marked.replace(sign, f"\\{sign}")
    return marked
