"""Arms: what is done to the training part before and while a classifier learns from it.

An arm is written as steps joined by ``+``. At most one resamples the real rows, and at most one adds a sampler's::

    real                    the rows as they are
    repeat                  each row twice: a control, which adds nothing
    oversample              rows of small classes repeated until all classes are alike
    smote, adasyn, smotenc  interpolated rows of small classes (imbalanced-learn); smote of images, in pixels
    vae, gan, ...           synthetic rows of a sampler beside the real ones

and the others change batches of images, or how imbalance is met::

    shift, flip, cutout     random translation; horizontal flip; a blanked square
    mixup, cutmix           MixUp, CutMix
    randaugment             RandAugment
    albumentations          a recipe of albumentations
    weights                 classes weighted by their inverse frequency
    logit                   logit adjustment
    threshold               class thresholds tuned on rows left out

So ``"gan+shift+mixup"`` trains on real and GAN rows under shifts and MixUp, and ``"oversample+gan:share=0.25"`` on real
rows repeated until all classes are alike, with a quarter of what it meets of each class from the GAN. A sampler takes
options after colons::

    gan:0.5                 synthetic rows for each real one; otherwise, enough to make classes alike and half synthetic
    gan:1:prior             labels of the synthetic rows: prior, balanced or effective (inverse effective number)
    gan:10:share=0.5        the share of synthetic rows among those that a classifier meets, however many there are
    gan:agreement:novelty   rows that filters keep: agreement, realism, novelty, outliers, duplicates, rejection
    vae:vary, vae:vary=0.5  new versions of real rows instead of new rows, and how strong
    flow:guidance=1.5       in place of the sampler's own
    gan:pretrain            half of the steps on synthetic rows alone, then half on real rows alone
    gan:soft                labels of the synthetic rows by a network that was trained on the real ones
    gan:shuffled            the control: synthetic rows under shuffled labels

Arms of one's own are `Arm` objects, given to a study beside names.
"""

from gen_augment.modalities import BatchStep
from gen_augment.modalities.image.recipes import RECIPES as BATCH_STEPS
from gen_augment.study.arms.arm import (
    BALANCES,
    DEFAULT_SAMPLERS,
    Arm,
    default_arms,
    parse_arm,
    read_arms,
)
from gen_augment.study.arms.rows import N_EXAMPLES, ROW_STEPS, Pool, make_pool, resampled
from gen_augment.study.arms.synthetic import (
    FILTERS,
    Drawn,
    Synthetic,
    draw_all,
    draw_rows,
    prepared,
    synthetic_counts,
    varied,
)

__all__ = [
    "BALANCES",
    "BATCH_STEPS",
    "DEFAULT_SAMPLERS",
    "FILTERS",
    "N_EXAMPLES",
    "ROW_STEPS",
    "Arm",
    "BatchStep",
    "Drawn",
    "Pool",
    "Synthetic",
    "default_arms",
    "draw_all",
    "draw_rows",
    "make_pool",
    "parse_arm",
    "prepared",
    "read_arms",
    "resampled",
    "synthetic_counts",
    "varied",
]
