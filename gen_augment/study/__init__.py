"""Whether synthetic data helps on this data, and by how much."""

from gen_augment.study.arms import Arm, parse_arm
from gen_augment.study.blend import Blend
from gen_augment.study.recommendation import Recommendation
from gen_augment.study.result import StudyResult
from gen_augment.study.result_files import load_result, save_result
from gen_augment.study.runner import StudyInterrupted
from gen_augment.study.spec import Conditions, Split, Training
from gen_augment.study.study import Study

__all__ = [
    "Arm",
    "Blend",
    "Conditions",
    "Recommendation",
    "Split",
    "Study",
    "StudyInterrupted",
    "StudyResult",
    "Training",
    "load_result",
    "parse_arm",
    "save_result",
]
