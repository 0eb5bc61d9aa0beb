"""Arms read from their names."""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import Any

from gen_augment.errors import InputError
from gen_augment.modalities import BatchStep, Modality, registered
from gen_augment.study.arms.arm import BALANCES, Arm, without_addresses
from gen_augment.study.arms.resampling import ROW_STEPS
from gen_augment.study.arms.synthetic import FILTERS, LABEL_MIXES, Synthetic

__all__ = ["known_recipes", "parse_arm", "read_arms"]

_FLAGS = ("pretrain", "soft", "shuffled")
_OPTIONS = (*LABEL_MIXES, *FILTERS, "vary", *_FLAGS)


def known_recipes(modality: Modality | None = None) -> dict[str, BatchStep]:
    """Return the recipes of all registered modalities, and of `modality`, by name."""
    found: dict[str, BatchStep] = {}
    for made in registered().values():
        found |= made.recipes
    return found | dict(modality.recipes if modality is not None else {})


def parse_arm(name: str, samplers: Mapping[str, Any], modality: Modality | None = None) -> Arm:
    """Read an arm such as ``"gan+shift+mixup"``; see `gen_augment.study.arms`.

    Parameters
    ----------
    name : str
    samplers : dict of str to Sampler
    modality : Modality, optional
        A modality that is not registered, whose recipes are batch steps too.

    Raises
    ------
    InputError
        A step is unknown, or two steps choose the rows.

    Examples
    --------
    >>> parse_arm("oversample+shift", {}).batch_steps
    ('shift',)
    """
    arm, recipes = Arm(name), known_recipes(modality)
    resampled: list[str] = []
    sampled: list[str] = []
    for step in name.split("+"):
        head, *options = step.split(":")
        if "teacher" in options and head in ("real", *samplers):
            arm = replace(arm, taught=True)
            options.remove("teacher")
        if head in samplers:
            sampled.append(head)
            use = _parse_synthetic(name, options)
            arm = replace(arm, rows=head, sampler=samplers[head], synthetic=use)
        elif step in recipes:
            arm = replace(arm, batch_steps=(*arm.batch_steps, step))
        elif step in BALANCES:
            if arm.balance:
                raise InputError(
                    f"arm {name!r}: {arm.balance} and {step} both treat imbalance; take one."
                )
            arm = replace(arm, balance=step)
        elif head in ROW_STEPS and not options:
            resampled.append(head)
        else:
            known = [*ROW_STEPS, *samplers, *recipes, *BALANCES]
            raise InputError(f"arm {name!r}: unknown step {step!r}; known: {', '.join(known)}.")
    return _with_rows(arm, resampled, sampled)


def _with_rows(arm: Arm, resampled: list[str], sampled: list[str]) -> Arm:
    """Add the steps that choose the rows, or raise if there are too many."""
    for chosen in (resampled, sampled):
        if len(chosen) > 1:
            raise InputError(
                f"arm {arm.name!r}: {' and '.join(chosen)} both choose the rows; take one."
            )
    made = [step for step in (*resampled, *sampled) if step != "real"]
    if arm.balance == "threshold" and made:
        raise InputError(
            f"arm {arm.name!r}: a threshold is tuned on held-out rows, and those of {made[0]} are "
            "made from other rows."
        )
    if not sampled:
        return replace(arm, rows=made[0]) if made else arm
    if len(made) > 1:
        # The default number of rows balances the real classes, which are balanced already here.
        ratio = 1.0 if arm.synthetic.ratio is None else arm.synthetic.ratio
        arm = replace(arm, resample=made[0], synthetic=replace(arm.synthetic, ratio=ratio))
    return arm


def _parse_synthetic(name: str, options: Iterable[str]) -> Synthetic:
    use = Synthetic()
    for option in options:
        word, _, value = option.partition("=")
        if word in LABEL_MIXES and not value:
            use = replace(use, labels=word)
        elif word in FILTERS and not value:
            use = replace(use, filters=(*use.filters, word))
        elif word == "vary":
            strengths = tuple(_number(name, each, 1) for each in (value or "0.3").split("/"))
            use = replace(use, vary=strengths if len(strengths) > 1 else strengths[0])
        elif word == "guidance" and value:
            use = replace(use, guidance=_number(name, value, 100))
        elif word == "share" and value:
            use = replace(use, share=_number(name, value, 1))
        elif word in _FLAGS and not value:
            flag: dict[str, Any] = {word: True}
            use = replace(use, **flag)
        elif word[:1].isdigit() and not value:
            use = replace(use, ratio=_number(name, word, 1000))
        else:
            raise InputError(
                f"arm {name!r}: unknown option {option!r}; known: a ratio such as 0.5, "
                f"{', '.join(_OPTIONS)}, teacher, vary=STRENGTH or vary=STRENGTH/STRENGTH, "
                "guidance=NUMBER, share=NUMBER."
            )
    _check_use(name, use)
    return use


def _check_use(name: str, use: Synthetic) -> None:
    if use.share is not None and use.pretrain:
        raise InputError(
            f"arm {name!r}: pre-training uses synthetic rows only, then real rows only; a share "
            "mixes them: take one of the two."
        )
    if use.soft and use.shuffled:
        raise InputError(
            f"arm {name!r}: soft labels are predicted by a network, which undoes shuffled ones; "
            "take one."
        )


def _number(name: str, text: str, high: float) -> float:
    try:
        value = float(text)
    except ValueError:
        value = -1
    if not 0 < value <= high:
        raise InputError(f"arm {name!r}: {text!r} is not a number in (0, {high}].")
    return value


def read_arms(
    arms: Iterable[str | Arm] | None,
    default: Iterable[str],
    samplers: Mapping[str, Any],
    problem: Callable[[Arm], str | None],
    modality: Modality | None = None,
) -> dict[str, Arm]:
    """Read arms by name; if none are given, those of `default` that have no problem.

    Raises
    ------
    InputError
        A name cannot be read or is used twice, or its arm has a problem.
    """
    reserved = (*ROW_STEPS, *known_recipes(modality), *BALANCES)
    for name in samplers:
        if name in reserved:
            raise InputError(
                f"samplers: {name!r} is a step of arms. Give the sampler another name, such as "
                f"samplers={{'my_{name}': sampler}}."
            )
        if not re.fullmatch(r"\w[\w.-]*", name):
            raise InputError(
                f"samplers: the name {name!r} may have only letters, digits, '_', '-' and '.'."
            )
    if arms is None:
        parsed = [parse_arm(name, samplers, modality) for name in default]
        return {arm.name: arm for arm in parsed if problem(arm) is None}
    if isinstance(arms, (str, Arm)):
        name = arms if isinstance(arms, str) else arms.name
        raise InputError(f"arms={name!r} is one arm: give a list, such as [{name!r}].")
    found: dict[str, Arm] = {}
    for given in arms:
        if not isinstance(given, (str, Arm)):
            raise InputError(f"arms holds {given!r}: give names of arms, such as 'real', or Arms.")
        arm = given if isinstance(given, Arm) else parse_arm(given, samplers, modality)
        if words := _unknown_step(arm, modality) or problem(arm):
            raise InputError(f"arm {arm.name!r}: {words}")
        if found.setdefault(arm.name, arm).key != arm.key:
            raise InputError(f"two different arms are called {arm.name!r}: rename one.")
    if not found:
        raise InputError("arms is empty: name at least one, such as 'real'.")
    _check_one_sampler_a_name(found.values())
    return found


def _check_one_sampler_a_name(arms: Iterable[Arm]) -> None:
    """Raise if two samplers have one name: arms share a fit by it."""
    fitted: dict[str, Arm] = {}
    for arm in arms:
        other = fitted.setdefault(arm.row_step, arm) if arm.is_generative else arm
        if without_addresses(repr(other.sampler)) != without_addresses(repr(arm.sampler)):
            raise InputError(
                f"arms {other.name!r} and {arm.name!r} have different samplers, both called "
                f"{arm.row_step!r}: give one another name in Arm(rows=), or leave rows out."
            )


def _unknown_step(arm: Arm, modality: Modality | None) -> str | None:
    """Name a step of an `Arm` object that does not exist."""
    recipes = known_recipes(modality)
    steps: list[tuple[str, Any, Iterable[str]]] = [
        ("balance", arm.balance, ("", *BALANCES)),
        ("resample", arm.resample, ROW_STEPS),
        *(("batch step", step, recipes) for step in arm.batch_steps),
        *([] if arm.is_generative else [("row step", arm.rows, ROW_STEPS)]),
    ]
    for what, given, known in steps:
        if isinstance(given, str) and given not in known:
            return f"unknown {what} {given!r}; known: {', '.join(filter(None, known))}."
    return None
