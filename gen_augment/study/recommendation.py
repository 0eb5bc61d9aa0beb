"""What a search recommends."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from gen_augment.containers import concatenate
from gen_augment.data import Rows, read_rows
from gen_augment.errors import InputError
from gen_augment.modalities import Modality
from gen_augment.study.arms import resampled, varied
from gen_augment.study.result import StudyResult

__all__ = ["Recommendation"]


@dataclass(frozen=True, eq=False)
class Recommendation:
    """What to do with this data.

    Attributes
    ----------
    use : str or None
        The arm to use, or None: use none.
    verdict : str
        Verdict of the study that confirmed, on seeds and test rows that the search did not see.
    result : StudyResult
        That study.
    searched : dict of str to float
        Mean validation score of each candidate over its seeds.
    sampler : sampler or None
        Fitted on all labelled rows, with its filters: a source for `AugmentedDataset`,
        `augment_loader` and `SampleBank`. These may be more rows than the search used, if
        `per_class` limits those.
    counts : dict
        Synthetic rows of each label that the arm would add to those rows.
    vary : float, tuple of float, or None
        Strength or strengths, if the rows should be new versions of real rows, from the `vary` of
        the sampler.
    pretrain : bool
        Whether to train on synthetic rows for the first half of the steps, then on real rows.
    share : float or None
        Share of each batch, if it is fixed: ``augment_loader(loader, sampler, ratio=share)``.
    resample : str
        What is done to the real rows, such as "oversample"; "real" for nothing.
    modality : Modality or None
        How rows are read.
    taught : bool
        Whether labels come from the teacher, as `gen_augment.distillation.Distilled` gives them.
    """

    use: str | None
    verdict: str
    result: StudyResult
    searched: dict[str, float]
    sampler: Any = None
    counts: dict[Any, int] | None = None
    vary: float | tuple[float, ...] | None = None
    pretrain: bool = False
    share: float | None = None
    resample: str = "real"
    modality: Modality | None = None
    taught: bool = False

    def augment(self, X: Any, y: Any = None) -> tuple[Any, Any]:
        """Return rows and labels followed by the recommended synthetic ones.

        They are unchanged if no synthetic rows are recommended. Real rows are resampled if the
        arm does so.

        Raises
        ------
        InputError
            The synthetic rows should be used before the real ones, or as a share of each batch, or
            be labelled by the teacher.
        """
        if self.sampler is None or not self.counts:
            return read_rows(X, y, self.modality)
        self._check_static()
        rows = Rows.read(X, y, modality=self.modality)
        real, classes = resampled(self.resample, rows, 0), rows.classes
        if self.vary is not None:
            new = np.repeat(rows.labels.encode(list(self.counts)), list(self.counts.values()))
            new_X = varied(self.use or "", self.sampler, self.vary, rows, new, 0)
            new_y = classes[new]
        else:
            new_X, new_y = self.sampler.sample(y=self.counts)
        labels = np.concatenate([classes[real.codes], np.asarray(new_y)])
        return concatenate([real.X, new_X]), labels

    def _check_static(self) -> None:
        """Raise if the rows cannot simply be added to the data."""
        if self.taught:
            raise InputError(
                f"{self.use!r} learns labels of the teacher: use Distilled(model, teacher, "
                "sampler, ratio=...), which labels rows and fits the model."
            )
        if self.pretrain:
            raise InputError(
                f"{self.use!r} trains on synthetic rows first and on real rows after: draw them "
                "with sampler.sample(y=counts), and train twice."
            )
        if self.share is not None:
            resampled = f", with a loader of real rows after {self.resample!r}"
            raise InputError(
                f"{self.use!r} makes {self.share:g} of each batch synthetic: use "
                f"augment_loader(loader, sampler, ratio={self.share:g}, labels='balanced')"
                f"{'' if self.resample == 'real' else resampled}."
            )
