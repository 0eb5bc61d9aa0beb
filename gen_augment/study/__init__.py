"""Whether synthetic data helps on this data, and by how much."""

from gen_augment.study.arms import Arm, parse_arm
from gen_augment.study.result import StudyResult
from gen_augment.study.runner import Study
from gen_augment.study.saved import load_result, save_result
from gen_augment.study.search import Recommendation

__all__ = [
    "Arm",
    "Recommendation",
    "Study",
    "StudyResult",
    "load_result",
    "parse_arm",
    "save_result",
]
