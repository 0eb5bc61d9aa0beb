"""A pretrained generator: use it as a sampler, without training.

Its rows have the format of your own data. Here the generator is a small module;
`torch.jit.load(path)` returns one too. A diffusion pipeline in a local folder is
wrapped by

    PretrainedSampler.from_diffusers("DiT-XL-2-256", class_map={"cat": 281, "dog": 207})
    prompts = {"cat": "a photo of a cat", "dog": "a photo of a dog"}
    PretrainedSampler.from_diffusers("stable-diffusion", prompts=prompts)

Run: python examples/images_pretrained.py        (a few seconds)
"""

import torch
from sklearn.datasets import load_digits
from torch import Tensor, nn
from torch.utils.data import DataLoader, TensorDataset

from gen_augment import PretrainedSampler, augment_loader


class Eigendigits(nn.Module):
    """``mean_y + z A_y``, with the principal components of each digit.

    It stands for a generator that somebody else trained on other data.
    """

    def __init__(self, images: Tensor, labels: Tensor, n_components: int = 12) -> None:
        super().__init__()
        means, axes = [], []
        for digit in range(10):
            rows = images[labels == digit].flatten(1)
            means.append(rows.mean(dim=0))
            _, scale, direction = torch.linalg.svd(rows - means[-1], full_matrices=False)
            axes.append(scale[:n_components, None] * direction[:n_components] / len(rows) ** 0.5)
        self.register_buffer("mean", torch.stack(means))
        self.register_buffer("axes", torch.stack(axes))  # (10, n_components, 64)

    def forward(self, z: Tensor, y: Tensor) -> Tensor:
        rows = self.get_buffer("mean")[y] + torch.einsum(
            "bk,bkd->bd", z, self.get_buffer("axes")[y]
        )
        return rows.clamp(-1, 1).reshape(-1, 1, 8, 8)


digits = load_digits()
X = torch.from_numpy(digits.images).float().unsqueeze(1) / 8 - 1  # (n, 1, 8, 8) in [-1, 1]
y = torch.from_numpy(digits.target)
generator = Eigendigits(X[1000:], y[1000:])
train = TensorDataset(X[:60], y[:60])

# `fit` reads the shape, labels and class shares of our rows, and checks that the
# generator matches them.
sampler = PretrainedSampler(generator, latent_shape=(12,), random_state=0).fit(train)
loader = augment_loader(
    DataLoader(train, batch_size=32, shuffle=True), sampler, ratio=0.5, labels="balanced"
)

torch.manual_seed(0)
model = nn.Sequential(nn.Flatten(), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 10))
optimizer = torch.optim.AdamW(model.parameters(), lr=2e-3)
for _ in range(150):
    for images, labels in loader:
        optimizer.zero_grad()
        torch.autograd.backward(nn.functional.cross_entropy(model(images), labels))
        optimizer.step()
with torch.no_grad():
    accuracy = (model(X[60:1000]).argmax(dim=1) == y[60:1000]).float().mean()
print(f"accuracy on rows not seen: {accuracy:.3f}")
