"""An arm: its batch steps, and the key of its settings."""

from typing import Any

import torch
from imblearn.under_sampling import RandomUnderSampler

from gen_augment.modalities.image.recipes import RECIPES, flip, mixup
from gen_augment.study.arms import (
    Arm,
    Synthetic,
    parse_arm,
)
from tests.study.toys import (
    Copies,
)


def test_batch_steps_are_applied_in_the_order_of_the_name() -> None:
    x, y = torch.randn(32, 1, 8, 8), torch.eye(2)[torch.arange(32) % 2]
    for name, steps in (("flip+mixup", (flip, mixup)), ("mixup+flip", (mixup, flip))):
        torch.manual_seed(0)
        found = parse_arm(name, {}).transform(x, y, RECIPES)
        torch.manual_seed(0)
        expected = steps[1](*steps[0](x, y))
        torch.testing.assert_close(found, expected)


def test_an_arm_without_batch_steps_leaves_the_batch_as_it_is() -> None:
    x, y = torch.randn(4, 1, 8, 8), torch.eye(4)
    same_x, same_y = parse_arm("real", {}).transform(x, y, RECIPES)
    assert same_x is x
    assert same_y is y


def test_arms_of_different_use_have_different_keys() -> None:
    names = (
        "real",
        "gan:1",
        "gan:1:soft",
        "gan:1:soft+flip",
        "gan:1:share=0.5",
        "gan:1:share=0.25",
        "smote+gan:1",
    )
    keys = {name: parse_arm(name, {"gan": None}).key for name in names}
    assert len(set(keys.values())) == len(names)
    assert keys == {name: parse_arm(name, {"gan": None}).key for name in names}


def test_arms_with_equal_names_have_different_keys() -> None:
    def other(X: Any, y: Any, seed: int) -> Any:
        return X, y

    arms = [
        Arm("a"),
        Arm("a", rows="repeat"),
        Arm("a", rows=other),
        Arm("a", batch_steps=("flip",)),
        Arm("a", balance="logit"),
        Arm("a", rows=RandomUnderSampler()),
        Arm("a", rows=RandomUnderSampler(replacement=True)),
        Arm("a", sampler=Copies()),
        Arm("a", sampler=Copies(), synthetic=Synthetic(2.0)),
    ]
    assert len({arm.key for arm in arms}) == len(arms)
    assert Arm("a", rows=other).key == Arm("b", rows=other).key
