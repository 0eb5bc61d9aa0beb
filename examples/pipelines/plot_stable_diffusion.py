"""
Stable Diffusion on 16 photographs a class
==========================================

`gen_augment.DiffusersSampler` learns the classes of your photographs on a diffusion pipeline that
has seen many more images than yours. This page is built without the weights of one. It runs on a
toy pipeline of random weights, whose images are noise. Everything else is as with real weights.
"""

# %%
# Sixteen photographs of each class
# ---------------------------------
# They are parts of scikit-learn's two sample photographs. With your own, give the folder that has
# one folder of photographs for each class instead of ``X`` and ``y``.

import tempfile

import matplotlib.pyplot as plt
import numpy as np
from PIL import Image
from sklearn.datasets import load_sample_images

from gen_augment import DiffusersSampler
from gen_augment.samplers.diffusion.toy import save_toy_pipeline

rng = np.random.default_rng(0)
X, y = [], []
for label, photo in zip(["temple", "flower"], load_sample_images().images, strict=True):
    for _ in range(16):
        top, left = rng.integers(0, np.subtract(photo.shape[:2], 200))
        part = Image.fromarray(photo[top : top + 200, left : left + 200])
        X.append(part.resize((32, 32), Image.Resampling.BOX))
        y.append(label)

# %%
# The pipeline
# ------------
# **With real weights, change this line**: give the folder of the pipeline, such as that of Stable
# Diffusion 1.5, which holds a ``model_index.json`` and safetensors. Also leave out ``max_steps``,
# ``lr`` and ``num_inference_steps`` below. 1,000 steps on 512 px take some minutes on a GPU.

pipeline = save_toy_pipeline(tempfile.mkdtemp(), width=16, size=32)

# %%
# Learn the classes
# -----------------
# The weights of the pipeline stay as they are. What is learned is a LoRA and one token for each
# class, which takes the place of ``{}`` in the prompts.

settings = {
    "prompts": ["a photo of a {}", "a close-up of a {}"],
    "num_inference_steps": 8,
    "random_state": 0,
    "device": "cpu",
}
sampler = DiffusersSampler(pipeline, max_steps=60, batch_size=8, lr=1e-2, **settings).fit(X, y)
untrained = DiffusersSampler(pipeline, max_steps=0, **settings).fit(X, y)
losses = [each.denoising_loss(X, y, n_times=5) for each in (untrained, sampler)]

# %%
# New images, and new versions of images
# --------------------------------------
# ``vary`` adds noise to a photograph and denoises it with the token of its class, as DA-Fusion
# does. A strength of 0 returns the photograph, and 1 ignores it.

strengths = (0, 0.25, 0.5, 0.75, 1)
columns = [sampler.vary(X[:1] + X[16:17], ["temple", "flower"], strength=s, random_state=0)
           for s in strengths]  # fmt: skip
columns.append(sampler.sample(y=["temple", "flower"], random_state=0)[0])

figure, axes = plt.subplots(2, 6, figsize=(7, 2.7), layout="constrained")
titles = [*(f"strength {s}" for s in strengths), "new"]
for column, title, images in zip(axes.T, titles, columns, strict=True):
    column[0].set_title(title, fontsize=8)
    for axis, image in zip(column, images, strict=True):
        axis.imshow(image)
        axis.set(xticks=[], yticks=[])

# %%
# Does it help?
# -------------
# A study decides. These arms follow DA-Fusion: ten versions of each photograph at several
# strengths, which are half of what the classifier sees::
#
#     diffusion = DiffusersSampler(pipeline, lora_rank=None)
#     arms = ["real", "flip+randaugment", "diffusers:10:vary=0.25/0.5/0.75/1:share=0.5"]
#     Study(X, y, samplers=[diffusion], arms=arms, mirror=True).run().verdict()
#
# An image takes a second on a GPU, so put images into a bank before you train on them::
#
#     bank = SampleBank.build(sampler, {"temple": 500, "flower": 500}, "bank")

print(f"denoising loss after training, as a share of that before: {losses[1] / losses[0]:.2f}")
