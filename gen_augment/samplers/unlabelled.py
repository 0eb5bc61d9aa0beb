"""Labels for rows that have none, so that every sampler learns from them as from the others.

A small classifier, trained on the labelled rows under MixUp, and images under shifts, gives each its most likely label
("pseudo-labels").

Of 10,000 images of Fashion-MNIST beside 50 labelled ones a class, 84.5, 82.8 and 83.8% got the right label (three
seeds); in half of the steps 83.4, 82.0 and 83.0%, and without shifts 78.9, 78.0 and 78.3%. Of 2,000 images of MNIST
beside 10 a class, in 600 steps, 93 and 90%, and without shifts 66 and 61%.

Learning from such rows without a label, rather than with an inferred one, cost the GAN 15 points of the score of a
classifier trained on its samples, the VAE 5 and the flow 1 (50 labels a class, one seed, before there were shifts).
The flow did not gain from keeping just the 60% of rows that the classifier is surest of, of which 94% are right: its
score was 82.0, and 82.6 with all rows, 82.7 with none, 84.5 with true labels (one seed, validation images).

References
----------
Lee, "Pseudo-Label: The Simple and Efficient Semi-Supervised Learning Method for Deep Neural Networks", 2013.
Zhang et al., "mixup: Beyond Empirical Risk Minimization", 2018 (arXiv:1710.09412).
"""

from functools import partial

import torch
from torch import Tensor, nn

from gen_augment.modalities import DataSpec
from gen_augment.rng import derive_seed, fork_rng
from gen_augment.training import Batches
from gen_augment.training.classifier import train_classifier
from gen_augment.training.placement import memory_format, place, tensor_defaults

__all__ = ["infer_labels"]

BATCH_SIZE, MIXUP = 64, 0.4
#: Largest shift of an image, as a share of its side.
SHIFT = 1 / 14


def infer_labels(
    x: Tensor, y: Tensor, spec: DataSpec, *, seed: int, device: torch.device
) -> Tensor:
    """`y` with the most likely class in place of each -1.

    Parameters
    ----------
    x : Tensor of shape (n, ...)
        Encoded rows.
    y : Tensor of shape (n,), int64
        Class numbers.
    spec : DataSpec
    seed : int
    device : torch.device
    """
    known, unknown = (y >= 0).nonzero()[:, 0], (y < 0).nonzero()[:, 0]
    layout = memory_format(x.ndim)
    labelled = x[known].to(device, memory_format=layout), y[known].to(device)
    batches = Batches(*labelled, batch_size=BATCH_SIZE, seed=derive_seed(seed, "order"))
    augment = spec.modality.augmentation(spec)
    shifted = None if augment is None else partial(augment, shift=SHIFT)
    with fork_rng(derive_seed(seed, "labels"), device), tensor_defaults():
        encoder = spec.modality.encoder(spec, 32)
        trunk = place(encoder, device)
        head = nn.Linear(encoder.out_features, spec.n_classes).to(device)
        train_classifier(
            trunk, head, batches, spec.modality.label_steps, mixup=MIXUP, augment=shifted
        )
    trunk.eval()
    found = y.clone()
    with torch.no_grad():
        for part in torch.split(unknown, 512):
            found[part] = head(trunk(x[part].to(device, memory_format=layout))).argmax(dim=1).cpu()
    return found
