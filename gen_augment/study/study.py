"""The public class of a study."""

import os
from collections.abc import Sequence
from dataclasses import dataclass, fields
from functools import cached_property
from html import escape

from gen_augment.study.preparation import PreparedStudy, prepare
from gen_augment.study.recommendation import Recommendation
from gen_augment.study.result import StudyResult
from gen_augment.study.runner import OnPlan, OnTrial, Runner, RunOptions
from gen_augment.study.search import SearchSpace, recommend
from gen_augment.study.spec import StudySpec, Training

__all__ = ["Study"]


@dataclass(frozen=True, eq=False)
class Study(StudySpec):
    """Train one classifier under several arms, with paired seeds, and compare them.

    Each seed splits the data, fits each sampler on its training part alone, and trains the
    classifier under every arm for equal steps. The best arm with synthetic rows and the best
    without are chosen on validation and compared on test.

    A study is an immutable specification: nothing is read before `check`, `run` or `recommend`,
    which check all settings before anything is trained.

    Parameters
    ----------
    X, y : as `Sampler.fit` takes them, or Rows
    model : scikit-learn classifier, or callable returning an nn.Module; optional
        A network gets the inputs of the modality, such as images ``(B, C, H, W)`` in [-1, 1] or
        standardised columns, and returns logits. An estimator gets them as flat vectors; a
        scikit-learn Pipeline gets DataFrames as they are. By default the classifier of the
        modality: a small CNN for images, a random forest for tables.
    teacher : scikit-learn classifier with predict_proba, or list of them; optional
        A slow classifier, or several that are averaged, whose probabilities the arms
        ``"real:teacher"`` and ``"flow:10:teacher"`` learn instead of labels. Each seed fits it on
        the training part; real rows get out-of-fold probabilities. The arm ``"teacher"``, its own
        score, is added then.
    modality : str, Modality or None
        How to read the rows, also for samplers and filters that leave it None. None if only one
        reading is possible.
    arms : sequence of str or Arm, optional
        Such as ``["real", "shift+mixup", "gan:0.5", "gan+shift+mixup"]``; see
        `gen_augment.study.arms`. By default those of the modality.
    add_real : bool
        Whether to add the arm "real" if all arms have synthetic rows: a verdict needs one without;
        and the arm "teacher" if one learns from it.
    samplers : dict of str to Sampler, or sequence of Sampler; optional
        Unfitted samplers by the names that arms use. Samplers in a list get their short names,
        such as "vae". By default a flow, a GAN and a VAE with their default settings.
    mirror : bool
        Whether default arms may flip images, because mirror images have the same label.
    n_seeds : int
        Paired repetitions. A verdict needs 3, and is useful from 5.
    split : Split
        Shares, groups, a fixed test part, rows per class.
    training : Training
        Steps, batch size, learning rate, device and precision of networks.
    conditions : Conditions
        Corrupted and shifted rows to test on as well.
    metric : str, callable, or sequence of them
        One of `gen_augment.study.metrics.METRICS`, such as "balanced_accuracy" or "nll"; the name
        of a scikit-learn scorer, such as "f1_macro"; a ``scorer(estimator, X, y)``; or a
        ``function(y_true, y_pred)``. The first decides, and the others are reported.
    margin : float
        The gain that would matter, in units of the metric: 0.01 is one point of accuracy.
    sequential : bool
        Stop as soon as the verdict is certain. The 5% error is divided over looks after each seed
        from the third, see `gen_augment.study.statistics.spent_alpha`.
    sizes : sequence of int
        Sizes of smaller training parts, in rows per class, for a learning curve. Each is part of
        the next larger one and keeps the shares of the classes. Samplers are fitted again on each.
        The verdict is that of the whole training part.
    random_state : int, RandomState or None
    name : str
        Name of the data set, for the report; by default that of the file or folder.

    Examples
    --------
    >>> from sklearn.datasets import load_wine
    >>> from sklearn.linear_model import LogisticRegression
    >>> from gen_augment import ConditionalVAE, Study
    >>> X, y = load_wine(return_X_y=True)
    >>> vae = ConditionalVAE(max_steps=20, device="cpu")
    >>> study = Study(X, y, model=LogisticRegression(), samplers=[vae], n_seeds=2,
    ...               arms=["real", "vae"], name="wine")
    >>> study.run().table().index.tolist()
    ['real', 'vae']
    """

    @cached_property
    def _prepared(self) -> PreparedStudy:
        return prepare(self)

    def __repr__(self) -> str:
        shown = {each.name: repr(getattr(self, each.name)) for each in fields(self) if each.repr}
        shown["name"] = repr(self.data_name)
        defaults = {each.name: repr(each.default) for each in fields(self)}
        defaults["training"] = repr(Training())
        given = (f"{name}={text}" for name, text in shown.items() if text != defaults[name])
        return f"Study({', '.join(given)})"

    def _repr_html_(self) -> str:
        """Return the settings as notebooks show them; the data is not read."""
        shown = {
            "data": self.data_name or type(self.X).__name__,
            "model": getattr(self.model, "__name__", self.model) or "that of the modality",
            "arms": ", ".join(str(getattr(arm, "name", arm)) for arm in self.arms or ())
            or "those of the modality",
            "samplers": ", ".join(map(str, self.samplers or ())) or "flow, gan, vae",
            "seeds": self.n_seeds,
            "metric": self.metric,
        }
        rows = "".join(
            f"<tr><th>{name}</th><td>{escape(str(value))}</td></tr>"
            for name, value in shown.items()
        )
        return f"<p><strong>Study, not run yet: call run()</strong></p><table>{rows}</table>"

    def check(self) -> PreparedStudy:
        """Read the data and check all settings, without training anything.

        Returns
        -------
        PreparedStudy
            The specification with all settings resolved.

        Raises
        ------
        InputError, LeakError
            A setting cannot be used; the message names the remedy.
        """
        return self._prepared

    def run(
        self,
        directory: str | os.PathLike[str] | None = None,
        *,
        n_jobs: int | None = None,
        budget: float | None = None,
        shorten: bool = True,
        verbose: bool = False,
        on_trial: OnTrial | None = None,
        on_plan: OnPlan | None = None,
    ) -> StudyResult:
        """Run the trials that are not done yet.

        Parameters
        ----------
        directory : path-like, optional
            Folder that keeps each trial as soon as it ends, and the rows of each fitted sampler.
            Running again with the same folder resumes the study, after a kill too; failed trials
            are tried again.
        n_jobs : int, optional
            Processes with one thread each, as joblib counts them. The backend is that of
            `joblib.parallel_config` (loky, dask, ray), whose number of jobs None takes. With 1,
            trials run in this process, with torch's threads.
        budget : float, optional
            Minutes, of all runs with one folder together. What fits is planned from measured
            times: fewer steps of samplers, then fewer seeds, but at least 3, then fewer arms with
            synthetic rows. The plan is kept in the folder; another budget changes only the seeds.
            No seed begins that would not end in time, but the first three may take 20% longer.
        shorten : bool
            Whether samplers with the default `max_steps` of their class may be trained for fewer.
            Any other number is kept.
        verbose : bool
            Show progress on standard error.
        on_trial : callable, optional
            Called as ``on_trial(trial, n_done, n_all)`` after each trial.
        on_plan : callable, optional
            Called with what a budget costs the study, in words; a UserWarning by default.

        Raises
        ------
        ArchiveError
            The folder belongs to another study, cannot be written, or is in use.
        InputError
            A setting or the budget cannot be used, or joblib's backend shares memory: trials seed
            torch's one global generator.
        StudyInterrupted
            Ctrl-C was pressed; its `result` is what was found until then.
        """
        options = RunOptions(n_jobs, budget, shorten, verbose, on_trial, on_plan)
        return Runner(self.check(), directory, options).run()

    def result(self, directory: str | os.PathLike[str] | None = None) -> StudyResult:
        """Return the result of the trials that a folder has; nothing is run.

        Seeds count that every arm has been tried with; all of them if there are none.
        """
        return Runner(self.check(), directory).recalled()

    def recommend(
        self,
        directory: str | os.PathLike[str] | None = None,
        *,
        n_jobs: int | None = None,
        budget: float | None = None,
        ratios: Sequence[float] = (0.5, 1, 2),
        filters: Sequence[str] = ("agreement",),
        guidance: Sequence[float] = (1.5,),
        vary: Sequence[float] = (0.3,),
        shares: Sequence[float] = (0.25,),
        pretrain: bool = True,
        shorten: bool = True,
        verbose: bool = False,
        on_trial: OnTrial | None = None,
        on_plan: OnPlan | None = None,
    ) -> Recommendation:
        """Search for the best use of the samplers, and confirm it; the answer may be "use none".

        A test part is set aside first, if none was given. On the rest, each sampler with each
        ratio, filter and guidance is tried under the steps of the best arm without synthetic rows,
        by successive halving on validation: each round has one more seed for the better half. The
        winner is compared with the arms without synthetic rows on fresh seeds and the test part.
        It is recommended if the interval of its gain lies above `margin`.

        Parameters
        ----------
        directory, n_jobs, budget, shorten, verbose, on_trial, on_plan
            As in `run`; the search takes half of the budget.
        ratios : sequence of float
            Synthetic rows per real row.
        filters : sequence of str
            Filters, as arms name them; each is tried in addition to none.
        guidance : sequence of float
            Guidance of samplers that have it; each is tried in addition to their own.
        vary : sequence of float
            Strengths of new versions of real rows, tried at the middle ratio.
        shares : sequence of float
            Shares of synthetic rows in each batch of a network, tried at the middle ratio.
        pretrain : bool
            Whether to try training a network on synthetic rows first, at the middle ratio.

        Raises
        ------
        InputError
            There are no samplers, or none of them can be trained.
        """
        space = SearchSpace(
            tuple(ratios), tuple(filters), tuple(guidance), tuple(vary), tuple(shares), pretrain
        )
        options = RunOptions(n_jobs, budget, shorten, verbose, on_trial, on_plan)
        return recommend(self.check(), directory, space, options)
