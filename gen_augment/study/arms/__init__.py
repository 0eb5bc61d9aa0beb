"""Arms: what is done to the training part before and while a classifier learns from it.

An arm is written as steps joined by ``+``. At most one step resamples the real rows, and at most
one adds the rows of a sampler::

    real                    the rows as they are
    repeat                  each row twice: a control that adds nothing
    oversample              rows of small classes repeated until all classes have the same size
    smote, adasyn, smotenc  interpolated rows of small classes (imbalanced-learn)
    vae, gan, ...           synthetic rows of a sampler in addition to the real ones

Other steps change batches, or treat imbalance. Batch steps are the recipes of the rows' modality;
those of images are::

    shift, flip, cutout     random translation; horizontal flip; a blank square
    mixup, cutmix           MixUp, CutMix
    randaugment, augmix     RandAugment, AugMix
    albumentations          a recipe of albumentations

and imbalance is treated by::

    weights                 classes weighted by their inverse frequency
    logit                   logit adjustment
    threshold               class thresholds tuned on held-out rows

So ``"gan+shift+mixup"`` trains on real and GAN rows under shifts and MixUp.
``"oversample+gan:share=0.25"`` trains on oversampled real rows, and a quarter of the rows that the
classifier sees come from the GAN. A sampler takes options after colons::

    gan:0.5                 synthetic rows per real row; by default enough to give all classes the
                            same size and to make half of the rows synthetic
    gan:1:prior             labels of the synthetic rows: prior, balanced or effective (inverse
                            effective number)
    gan:10:share=0.5        the share of synthetic rows among those that the classifier sees
    gan:agreement:novelty   only rows that pass filters: agreement, realism, novelty, outliers,
                            duplicates, rejection; fewer rows if 50 draws of a row are refused
    vae:vary, vae:vary=0.5  new versions of real rows instead of new rows, and their strength
    vae:vary=0.25/0.5/0.75  several strengths, which the rows of a class take in turn
    flow:guidance=1.5       guidance instead of the sampler's own
    gan:pretrain            half of the steps on synthetic rows only, then half on real rows only
    gan:soft                labels of synthetic rows predicted by a network trained on real rows
    gan:shuffled            a control: synthetic rows with shuffled labels

With a teacher, ``Study(teacher=...)``, the classifier is a student that can learn its labels::

    real:teacher            real rows with the teacher's out-of-fold probabilities as labels
    flow:10:teacher         the same, and ten rows of the flow per real row, labelled by the teacher
    teacher                 the teacher itself, which no verdict chooses

An arm of your own is an `Arm` object, which a study takes as well as names.
"""

from gen_augment.modalities import BatchStep
from gen_augment.study.arms.arm import BALANCES, Arm
from gen_augment.study.arms.drawing import Drawn, draw_all, draw_rows, prepared, unfitted, varied
from gen_augment.study.arms.parsing import known_recipes, parse_arm, read_arms
from gen_augment.study.arms.pool import N_EXAMPLES, Pool, make_pool
from gen_augment.study.arms.resampling import ROW_STEPS, resampled, row_step_problem
from gen_augment.study.arms.synthetic import FILTERS, Synthetic, synthetic_counts
from gen_augment.study.arms.wording import describe_arm

__all__ = [
    "BALANCES",
    "FILTERS",
    "N_EXAMPLES",
    "ROW_STEPS",
    "Arm",
    "BatchStep",
    "Drawn",
    "Pool",
    "Synthetic",
    "describe_arm",
    "draw_all",
    "draw_rows",
    "known_recipes",
    "make_pool",
    "parse_arm",
    "prepared",
    "read_arms",
    "resampled",
    "row_step_problem",
    "synthetic_counts",
    "unfitted",
    "varied",
]
