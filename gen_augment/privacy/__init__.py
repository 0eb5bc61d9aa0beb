"""Differential privacy: budgets, accounting, and what is released besides a model.

A fitted sampler is ``(epsilon, delta)``-private if for any two data sets that differ in one row,
added or removed, and any set of archives ``S``, ``P(archive in S) <= e^epsilon P'(archive in S) +
delta``. Everything that leaves with an archive and depends on the rows is either not released,
public, or paid for out of the one budget:

===================================  =============================================================
Part of an archive                   In a private archive
===================================  =============================================================
weights, and their moving average    paid: DP-SGD; the average is post-processing
class counts, class prior            paid (a noisy histogram), or public (``classes={label: n}``)
number of rows, sampling rate        the sum of those counts
labels                               public (``classes=[...]``), or paid (noisy threshold)
bounds, quantiles, missing values    public (``bounds={column: (low, high)}``), or paid
categories                           public (``bounds={column: [...]}``), or paid (noisy threshold)
steps of floats, such as 0.01        not learned; whole numbers have the step 1 by their dtype
names, dtypes, image size, file      public: the form of the data is taken as known
form
losses, scores and `history_`        not recorded
early stopping, best weights         not used; callbacks that see rows or losses are refused
codes of training rows (VAE)         not kept: codes are drawn from the prior
dtypes of pandas categories          list only what is public or paid for
labels of generated rows (GAN)       drawn from the noisy class prior
augmentation that adapts (GAN)       refused, as are perceptual losses and class balancing
inferred labels                      refused: rows without a label are not accepted
checkpoints, `partial_fit`, `init`   refused: their state does not carry the accountant's
seed                                 names rows of the model; noise, batches and first weights come
                                     from the system's entropy and are not kept
digests and fingerprints of rows     not in an archive; the sheet of `export` leaves them out
form of a CSV file                   without decimals and words for missing values; the readings of
                                     columns that remain are not covered
===================================  =============================================================

An `Audit` compares with the real rows and is not covered by the guarantee, nor is the decision of
`export`. Noise is drawn as floating-point numbers, summed from four draws so that their low bits
reveal little (Holohan and Braghin 2021, arXiv:2107.10138).
"""

from gen_augment.privacy.budget import Private

__all__ = ["Private"]
