"""Arms are read from their names."""

import pytest

from gen_augment.errors import InputError
from gen_augment.modalities import Image, Modality, Table
from gen_augment.study.arms import (
    Synthetic,
    parse_arm,
)
from tests.study.toys import (
    Copies,
    TrueDraws,
)

COPIES = Copies()


@pytest.mark.parametrize(
    "name, rows, steps, generative",
    [
        ("real", "real", (), False),
        ("oversample", "oversample", (), False),
        ("smote", "smote", (), False),
        ("shift", "real", ("shift",), False),
        ("mixup+flip", "real", ("mixup", "flip"), False),
        ("oversample+shift", "oversample", ("shift",), False),
        ("mine", "mine", (), True),
        ("mine+shift+mixup", "mine", ("shift", "mixup"), True),
        ("shift+mine", "mine", ("shift",), True),
    ],
)
def test_parse_arm(name: str, rows: str, steps: tuple[str, ...], generative: bool) -> None:
    arm = parse_arm(name, {"mine": COPIES})
    assert (arm.name, arm.rows, arm.batch_steps) == (name, rows, steps)
    assert arm.is_generative is generative
    assert arm.sampler is (COPIES if generative else None)


@pytest.mark.parametrize(
    "name, message",
    [
        ("gan", r"unknown step 'gan'; known: .*adasyn, teacher, mine, other, .*shift"),
        ("real+gan", "unknown step 'gan'"),
        ("", "unknown step ''"),
        ("real+", "unknown step ''"),
        ("Real", "unknown step 'Real'"),
        ("real+repeat", "real and repeat both choose the rows"),
        ("mine+other", "mine and other both"),
        ("oversample+mine+smote+shift", "oversample and smote both"),
    ],
)
def test_names_that_cannot_be_read(name: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        parse_arm(name, {"mine": COPIES, "other": COPIES})


@pytest.mark.parametrize("modality", [Image(), Table()], ids=["image", "table"])
@pytest.mark.parametrize("mirror", [True, False])
@pytest.mark.parametrize("imbalanced", [True, False])
def test_default_arms_can_be_parsed_and_hold_baselines_and_samplers(
    modality: Modality, mirror: bool, imbalanced: bool
) -> None:
    samplers = {"mine": COPIES, "other": COPIES}
    names = modality.default_arms(samplers, mirror=mirror, imbalanced=imbalanced)
    arms = [parse_arm(name, samplers) for name in names]
    image = isinstance(modality, Image)
    assert "real" in names
    assert {arm.rows for arm in arms if arm.is_generative} == {"mine", "other"}
    assert any("flip" in arm.batch_steps for arm in arms) == (mirror and image)
    assert ("smote" in names) == (not image)
    assert ("oversample" in names) == (imbalanced or not image)
    # Each sampler under a recipe has a baseline under the same recipe with balanced classes.
    plain = {
        arm.batch_steps: arm.rows for arm in arms if not arm.is_generative and arm.balance == ""
    }
    for arm in arms:
        if arm.is_generative and arm.batch_steps:
            assert plain[arm.batch_steps] == ("oversample" if imbalanced else "real")


SAMPLERS = {"gan": Copies(), "vae": TrueDraws()}


@pytest.mark.parametrize(
    "name, expected",
    [
        ("gan", Synthetic()),
        ("gan:0.5", Synthetic(ratio=0.5)),
        ("gan:2:prior+mixup", Synthetic(ratio=2.0, labels="prior")),
        ("gan:effective", Synthetic(labels="effective")),
        ("gan:agreement:novelty", Synthetic(filters=("agreement", "novelty"))),
        ("gan:vary", Synthetic(vary=0.3)),
        ("gan:vary=0.7:1", Synthetic(vary=0.7, ratio=1.0)),
        ("gan:vary=0.25/0.5/1", Synthetic(vary=(0.25, 0.5, 1.0))),
        ("gan:guidance=1.5", Synthetic(guidance=1.5)),
        ("gan:pretrain", Synthetic(pretrain=True)),
        ("gan:4:soft", Synthetic(ratio=4.0, soft=True)),
        ("gan:10:share=0.5", Synthetic(ratio=10.0, share=0.5)),
        ("gan:share=1", Synthetic(share=1.0)),
        ("gan:shuffled", Synthetic(shuffled=True)),
    ],
)
def test_options_of_a_sampler(name: str, expected: Synthetic) -> None:
    arm = parse_arm(name, SAMPLERS)
    assert arm.synthetic == expected
    assert (arm.rows, arm.sampler, arm.is_control) == ("gan", SAMPLERS["gan"], expected.shuffled)


@pytest.mark.parametrize(
    "name, message",
    [
        ("gan:", "unknown option ''"),
        ("gan:often", "unknown option 'often'; known: a ratio such as 0.5, prior"),
        ("gan:0", r"'0' is not a number in \(0, 1000\]"),
        ("gan:1e9", "'1e9' is not a number"),
        ("gan:2x", "'2x' is not a number"),
        ("gan:vary=2", "'2' is not a number"),
        ("gan:vary=0.5/", "'' is not a number"),
        ("gan:prior=1", "unknown option 'prior=1'"),
        ("gan:soft=1", "unknown option 'soft=1'"),
        ("gan:soft:shuffled", "undoes shuffled ones"),
        ("gan:share", "unknown option 'share'"),
        ("gan:share=0", r"'0' is not a number in \(0, 1\]"),
        ("gan:share=1.5", "'1.5' is not a number"),
        ("gan:share=0.5:pretrain", "take one of the two"),
        ("real:0.5", "unknown step 'real:0.5'"),
        ("weights+logit", "weights and logit both treat imbalance"),
        ("smote+threshold", "those of smote are made from other rows"),
        ("gan+threshold", "those of gan are made from other rows"),
        ("oversample+gan+threshold", "those of oversample are made from other rows"),
        ("real+gan+threshold", "those of gan are made from other rows"),
    ],
)
def test_options_that_cannot_be_read(name: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        parse_arm(name, SAMPLERS)


@pytest.mark.parametrize(
    "name, expected",
    [
        ("oversample+gan", Synthetic(ratio=1.0)),
        ("gan:0.5:soft+flip+oversample", Synthetic(ratio=0.5, soft=True)),
        ("oversample+gan:effective", Synthetic(ratio=1.0, labels="effective")),
    ],
)
def test_real_rows_may_be_resampled_before_synthetic_ones_are_added(
    name: str, expected: Synthetic
) -> None:
    arm = parse_arm(name, SAMPLERS)
    assert (arm.rows, arm.resample, arm.synthetic) == ("gan", "oversample", expected)
    # Unresampled, they are the rows of the sampler alone.
    assert parse_arm("real+gan", SAMPLERS).key == parse_arm("gan", SAMPLERS).key
