"""Whether synthetic data helps on this data, and by how much."""

from gen_augment.study.arms import Arm, parse_arm
from gen_augment.study.result import StudyResult
from gen_augment.study.runner import Study

__all__ = ["Arm", "Study", "StudyResult", "parse_arm"]
