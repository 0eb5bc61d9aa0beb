"""Class and time embeddings."""

import torch

from gen_augment.modalities.conditioning import TimeEmbedding


def test_different_times_have_different_embeddings() -> None:
    embedding = TimeEmbedding(16)(torch.linspace(0, 1, 50))
    distances = torch.cdist(embedding, embedding) + 9 * torch.eye(50)
    assert distances.min() > 1e-3
