"""Arms in words, for a reader who does not know how they are written."""

from gen_augment.study.arms.arm import Arm
from gen_augment.study.arms.synthetic import Synthetic

__all__ = ["describe_arm"]

_ROWS = {
    "real": "the real rows",
    "repeat": "the real rows, each twice (a control that adds nothing)",
    "oversample": "the real rows, with rows of small classes repeated until classes are equal",
    "smote": "the real rows and rows interpolated within small classes (SMOTE)",
    "smotenc": "the real rows and rows interpolated within small classes (SMOTE-NC)",
    "adasyn": "the real rows and rows interpolated where classes are near (ADASYN)",
}
_LABELS = {
    "prior": "with the class shares of the real rows",
    "balanced": "equally many of each class",
    "effective": "more of small classes (inverse effective number)",
}
_BALANCES = {
    "weights": "classes are weighted by their inverse frequency",
    "logit": "logits are adjusted for class frequencies",
    "threshold": "class thresholds are tuned on held-out rows",
}


def describe_arm(arm: Arm) -> str:
    """Say in one sentence what an arm trains on.

    Examples
    --------
    >>> from gen_augment import ConditionalVAE
    >>> from gen_augment.study.arms import parse_arm
    >>> describe_arm(parse_arm("vae:share=0.25+shift", {"vae": ConditionalVAE()}))
    'Trains on the real rows and synthetic rows of vae (ConditionalVAE), which are 25% of the rows
    seen; batches are augmented by shift.'
    """
    if arm.is_teacher:
        return "The teacher, trained on the real rows; students learn its labels."
    step = arm.resample if arm.is_generative else arm.rows
    rows = _ROWS.get(step) if isinstance(step, str) else None
    parts = [f"Trains on {rows or f'rows made by {arm.row_step}'}"]
    if arm.is_generative:
        parts[0] += f" and {_synthetic(arm)}"
    names = [step if isinstance(step, str) else _name(step) for step in arm.batch_steps]
    if names:
        parts.append(f"batches are augmented by {', '.join(names)}")
    if arm.balance:
        parts.append(_BALANCES[arm.balance])
    if arm.taught:
        parts.append("labels are the teacher's probabilities, out of fold on real rows")
    if arm.is_control:
        parts.append("labels of the synthetic rows are shuffled (a control that should hurt)")
    return "; ".join(parts) + "."


def _synthetic(arm: Arm) -> str:
    use = arm.synthetic
    kind = "new versions of real rows" if use.vary is not None else "synthetic rows"
    said = [f"{kind} of {arm.row_step} ({type(arm.sampler).__name__})", *_amount(use)]
    if use.vary is not None:
        strengths = use.vary if isinstance(use.vary, tuple) else (use.vary,)
        words = " and ".join(f"{strength:g}" for strength in strengths)
        said.append(f"at strength{'s' * (len(strengths) > 1)} {words}")
    if use.guidance is not None:
        said.append(f"with guidance {use.guidance:g}")
    if use.filters:
        several = "s" * (len(use.filters) > 1)
        said.append(f"that pass the filter{several} {', '.join(use.filters)}")
        said.append("fewer if too many are refused")
    if use.soft:
        said.append("with labels predicted by a network trained on the real rows")
    if use.pretrain:
        said.append("used alone for the first half of the steps")
    return ", ".join(said)


def _amount(use: Synthetic) -> list[str]:
    found = []
    if use.share is not None:
        found.append(f"which are {100 * use.share:g}% of the rows seen")
    if use.ratio is not None:
        found.append(f"{use.ratio:g} per real row")
    elif use.share is None and use.labels is None:
        found.append("enough to give classes equal sizes and make half of the rows synthetic")
    return found + ([_LABELS[use.labels]] if use.labels else [])


def _name(step: object) -> str:
    return str(getattr(step, "__name__", type(step).__name__))
