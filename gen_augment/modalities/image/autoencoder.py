"""Autoencoders of images: patches by their principal components, or a network of diffusers.

The first is learned in closed form and is the best linear autoencoder of 8 x 8 patches: a strided
convolution and its transpose. Patches are lapped, so that their edges are not seen. The second is
read from a local folder, as safetensors, and nothing is downloaded or unpickled.

References
----------
Jolliffe, "Principal Component Analysis", 2002.
Rombach et al., "High-Resolution Image Synthesis with Latent Diffusion Models", 2022
(arXiv:2112.10752): generators in the latent space of an autoencoder.
"""

import json
import math
import os
from collections.abc import Iterable
from functools import cached_property
from pathlib import Path
from typing import Any, Self

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from gen_augment.archive import digest_of_files, read_json
from gen_augment.errors import ArchiveError, InputError, MissingDependencyError
from gen_augment.modalities.image.lapping import PATCH, lapped, lapping
from gen_augment.types import JSON
from gen_augment.validation import check_positive_int

__all__ = ["Autoencoder", "Patches"]

#: Components of an RGB patch.
N_COMPONENTS = 16
CLASSES = ("AutoencoderKL", "AutoencoderTiny")


class Autoencoder:
    """Images (B, C, H, W) in [-1, 1] to latent images (B, k, H / factor, W / factor), and back.

    It is pickled, copied and compared as its record. The weights of a folder are not part of the
    record: it holds their hash, which is checked when the folder is read.

    Parameters
    ----------
    record : dict
        JSON values, as `learn` and `open` make them.

    Examples
    --------
    >>> grey = torch.linspace(-1, 1, 4 * 16 * 16).view(4, 1, 16, 16)
    >>> autoencoder = Autoencoder.learn([grey], 2)
    >>> latent = autoencoder.encode(grey)
    >>> latent.shape, autoencoder.decode(latent, (16, 16)).shape
    (torch.Size([4, 2, 2, 2]), torch.Size([4, 1, 16, 16]))
    """

    def __init__(self, record: JSON) -> None:
        self.record = record

    @classmethod
    def learn(cls, batches: Iterable[Tensor], n_components: int = N_COMPONENTS) -> Self:
        """Learn the principal components of patches of 8 x 8 px.

        Parameters
        ----------
        batches : iterable of Tensor of shape (B, C, H, W), in [-1, 1]
        n_components : int
            Channels of a latent image.
        """
        check_positive_int("n_components", n_components)
        n_patches, total, outer = 0, torch.zeros(()), torch.zeros(())
        channels = 1
        for batch in batches:
            channels = batch.shape[1]
            whole = lapped(_padded(batch, PATCH), lapping().to(batch.device))
            patches = F.pixel_unshuffle(whole, PATCH).double()
            flat = patches.permute(0, 2, 3, 1).flatten(0, 2)  # (patches, C * 64)
            n_patches, total = n_patches + len(flat), total + flat.sum(dim=0)
            outer = outer + flat.T @ flat
        # One mean for each channel, so that the decoder is a convolution with a bias.
        mean = (total / n_patches).view(channels, -1).mean(dim=1)
        wide = mean.repeat_interleave(PATCH**2)
        mixed = torch.outer(total / n_patches, wide)
        covariance = outer / n_patches - mixed - mixed.T + torch.outer(wide, wide)
        # As if every patch came with its mirror image, so that components are even or odd.
        square = covariance.view(channels, PATCH, PATCH, channels, PATCH, PATCH)
        covariance = (square + square.flip(2, 5)).view_as(covariance)
        components = torch.linalg.eigh(covariance).eigenvectors.flip(1).T[:n_components]
        # The sign of an eigenvector is arbitrary; this makes it the same on every machine.
        signs = (components @ torch.arange(len(wide)).double().mul(2**0.5).cos()).sign()
        components = signs[:, None] * components
        return cls({"components": components.float().tolist(), "mean": mean.float().tolist()})

    @classmethod
    def open(cls, path: str | os.PathLike[str]) -> Self:
        """Open an `AutoencoderKL` or `AutoencoderTiny` that diffusers has saved to a folder.

        The folder of a pipeline will do, whose autoencoder is in ``vae``.

        Raises
        ------
        InputError
            The folder does not hold such an autoencoder, with its weights as safetensors.
        """
        folder = Path(path).absolute()
        if (folder / "vae" / "config.json").is_file():
            folder = folder / "vae"
        opened = cls({"folder": str(folder), "digest": _digest(folder)})
        _ = opened.network
        return opened

    @classmethod
    def of(cls, latent: Any) -> Self:
        """Return an `Autoencoder`, or make it of a record or a path."""
        if isinstance(latent, cls):
            return latent
        return cls(latent) if isinstance(latent, dict) else cls.open(latent)

    @cached_property
    def network(self) -> Any:
        """The network, with `encode`, `decode`, `channels` and `factor`.

        Raises
        ------
        ArchiveError
            The folder is missing, or has other weights than when it was first used.
        """
        if "folder" not in self.record:
            return Patches(self.record["components"], self.record["mean"])
        folder = Path(self.record["folder"])
        try:
            digest = _digest(folder)
        except InputError as error:
            raise ArchiveError(
                f"the rows are encoded by the autoencoder in {folder}, which is not there: put it "
                "back."
            ) from error
        if digest != self.record["digest"]:
            raise ArchiveError(
                f"the autoencoder in {folder} has other weights than the one that encoded the rows."
            )
        return _Diffusers(folder)

    def encode(self, x: Tensor) -> Tensor:
        """Encode images; sides that are no multiple of the factor are continued by their edge.

        Raises
        ------
        InputError
            The images have another number of channels.
        """
        network, channels = self.network.to(x.device), x.shape[1]
        if channels == 1 and network.channels == 3:
            x = x.expand(-1, 3, -1, -1)
        elif channels != network.channels:
            raise InputError(
                f"the autoencoder is for images of {network.channels} channels, and these have "
                f"{channels}."
            )
        with torch.no_grad():
            latent: Tensor = network.encode(_padded(x, network.factor))
        return latent

    def decode(self, latent: Tensor, size: tuple[int, int], channels: int | None = None) -> Tensor:
        """Decode latent images to images (B, C, *size), of one channel if `channels` is 1."""
        with torch.no_grad():
            x: Tensor = self.network.to(latent.device).decode(latent)
        x = x[..., : size[0], : size[1]]
        return x.mean(dim=1, keepdim=True) if channels == 1 else x

    def mirror(self, latent: Tensor) -> Tensor:
        """Return the latent images of mirror images, from left to right.

        It is exact for principal components, if the width is a multiple of 8.
        """
        signs = self.network.mirror_signs.to(latent.device)
        mirrored: Tensor = latent.flip(-1) * signs[:, None, None]
        return mirrored

    def latent_shape(self, size: tuple[int, int]) -> tuple[int, int, int]:
        """Return the shape of the latent image of an image of this height and width."""
        height, width = (math.ceil(side / self.network.factor) for side in size)
        return self.network.latent_channels, height, width

    def __getstate__(self) -> JSON:
        return {"record": self.record}

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Autoencoder) and other.record == self.record

    def __hash__(self) -> int:
        return hash(json.dumps(self.record))

    def __repr__(self) -> str:
        if "folder" in self.record:
            return f"Autoencoder.open({self.record['folder']!r})"
        return f"<Autoencoder of {len(self.record['components'])} principal components>"


class Patches(nn.Module):
    """Lapped patches of 8 x 8 px as their principal components.

    Parameters
    ----------
    components : list of k lists of C * 64 numbers
    mean : list of C numbers
    """

    factor = PATCH
    weight: Tensor
    mean: Tensor
    mirror_signs: Tensor
    lapping: Tensor
    unlapping: Tensor

    def __init__(self, components: list[list[float]], mean: list[float]) -> None:
        super().__init__()
        self.channels, self.latent_channels = len(mean), len(components)
        weight = torch.tensor(components, dtype=torch.float32)
        self.register_buffer("weight", weight.view(-1, self.channels, PATCH, PATCH))
        self.register_buffer("mean", torch.tensor(mean, dtype=torch.float32)[:, None, None])
        symmetry = (self.weight * self.weight.flip(-1)).sum(dim=(1, 2, 3))
        self.register_buffer("mirror_signs", symmetry.sign())
        matrix = lapping()
        self.register_buffer("lapping", matrix.float())
        self.register_buffer("unlapping", matrix.inverse().float())

    def encode(self, x: Tensor) -> Tensor:
        """Project patches."""
        return F.conv2d(lapped(x, self.lapping) - self.mean, self.weight, stride=PATCH)

    def decode(self, z: Tensor) -> Tensor:
        """Return the image whose patches have these components."""
        x = F.conv_transpose2d(z, self.weight, stride=PATCH) + self.mean
        return lapped(x, self.unlapping)


class _Diffusers(nn.Module):
    """An autoencoder of diffusers, in `eval` mode; an image becomes the mode of its posterior."""

    def __init__(self, folder: Path) -> None:
        super().__init__()
        try:
            import diffusers
        except ImportError as error:
            raise MissingDependencyError(
                "autoencoders of diffusers need diffusers: pip install 'gen_augment[diffusers]'."
            ) from error
        made = getattr(diffusers, _config(folder)["_class_name"])
        try:
            self.model = made.from_pretrained(folder, use_safetensors=True, local_files_only=True)
        except (OSError, ValueError, RuntimeError, TypeError) as error:
            raise InputError(f"{folder} is not a readable autoencoder: {error}") from error
        self.model.eval().requires_grad_(False)
        config = self.model.config
        self.channels, self.latent_channels = config.in_channels, config.latent_channels
        blocks = getattr(config, "block_out_channels", None) or config.encoder_block_out_channels
        self.factor = 2 ** (len(blocks) - 1)
        self.mirror_signs = torch.ones(self.latent_channels)

    def encode(self, x: Tensor) -> Tensor:
        found = self.model.encode(x)
        latent: Tensor = found.latent_dist.mode() if "latent_dist" in found else found.latents
        return latent

    def decode(self, z: Tensor) -> Tensor:
        x: Tensor = self.model.decode(z).sample
        return x


def _config(folder: Path) -> JSON:
    try:
        config = read_json(folder / "config.json")
    except InputError as error:
        raise InputError(
            f"{folder} is not the folder of an autoencoder that diffusers saved: {error}"
        ) from error
    if (name := config.get("_class_name")) not in CLASSES:
        raise InputError(f"{folder} holds a {name}, which is not one of {', '.join(CLASSES)}.")
    return config


def _digest(folder: Path) -> str:
    """Hash the configuration and the weights of a folder."""
    _config(folder)
    weights = sorted(folder.glob("*.safetensors"))
    if not weights:
        raise InputError(
            f"{folder} has no .safetensors file, and nothing is unpickled: save the autoencoder "
            "with save_pretrained(folder)."
        )
    return digest_of_files(folder, [folder / "config.json", *weights])


def _padded(x: Tensor, factor: int) -> Tensor:
    height, width = x.shape[2:]
    pad = (0, -width % factor, 0, -height % factor)
    return F.pad(x, pad, mode="replicate") if any(pad) else x
