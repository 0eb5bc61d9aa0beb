"""A user's trained generator as a network: moved to a device, set to `eval`, called and checked."""

import hashlib
import io
import warnings
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Self

import torch
from torch import Tensor, nn

from gen_augment.errors import InputError
from gen_augment.rng import fork_rng
from gen_augment.samplers.persistence import tensor_bytes

__all__ = ["Scripted", "Wrapped", "identity_of", "name_of", "row_seeds"]

#: Largest mean distance, in [-1, 1], between a row made alone and in a batch that rounding causes.
_SAME_ROW = 0.05


@dataclass
class Learned:
    """What the trial calls have found out.

    Attributes
    ----------
    shape : tuple of int
        ``(C, H, W)`` of the generated images.
    seeded : set of str
        Functions that use torch's global generator and are called row by row, with a seed.
    """

    shape: tuple[int, ...] = ()
    seeded: set[str] = field(default_factory=set)


class Wrapped(nn.Module):
    """A generator and, if there is one, the function that varies an image.

    Parameters
    ----------
    generator : callable ``(z, y) -> images``
    vary_with : callable ``(x, y, z, strength) -> images``, or None
    numbers : Tensor of shape (n_classes,), int64
        The generator's number of each class.
    value_range : (float, float)
        Black and white in its images; here images lie in [-1, 1].

    Attributes
    ----------
    learned : Learned
        What `probe` has found out.
    """

    numbers: Tensor

    def __init__(
        self,
        generator: Callable[..., Any],
        vary_with: Callable[..., Any] | None,
        numbers: Tensor,
        value_range: tuple[float, float],
    ) -> None:
        super().__init__()
        # Holds the device: a plain function has none.
        self.anchor = nn.Parameter(torch.empty(0), requires_grad=False)
        self.register_buffer("numbers", numbers)
        modules = {
            id(m): m for m in (_module_of(generator), _module_of(vary_with)) if m is not None
        }
        self.parts = nn.ModuleList(modules.values())
        self.functions = {"generator": generator, "vary_with": vary_with}
        self.low, self.high = value_range
        self.learned = Learned()
        self._modes: list[tuple[nn.Module, bool]] = []

    def forward(self, z: Tensor, y: Tensor) -> Tensor:
        """Return finite images (B, C, H, W) in [-1, 1] of noise and class numbers (B,)."""
        return self._checked("generator", self._call("generator", z, (z, self.numbers[y])), len(z))

    def vary(self, x: Tensor, y: Tensor, z: Tensor, strength: float) -> Tensor:
        """Return images like `x`, which has the size of the generator's images."""
        scaled = (x + 1) * ((self.high - self.low) / 2) + self.low
        return self._checked(
            "vary_with", self._call("vary_with", z, (scaled, self.numbers[y], z, strength)), len(z)
        )

    def probe(self, z: Tensor, y: Tensor) -> None:
        """Generate two rows together and one alone, and find out the shape of the images.

        Parameters
        ----------
        z : Tensor of shape (2, *latent_shape)
        y : Tensor of shape (2,)
        """
        where = f"for z of shape {tuple(z.shape)} and class numbers {self.numbers[y].tolist()}"
        pair = self._first("generator", where, lambda: self(z, y))
        self.learned.shape = tuple(pair.shape[1:])
        if pair.abs().max() > 3:
            low, high = (
                (float(v) + 1) * (self.high - self.low) / 2 + self.low
                for v in (pair.min(), pair.max())
            )
            raise InputError(
                f"the generator {name_of(self.functions['generator'])} returns values of {low:g} "
                f"to {high:g}, far outside value_range=({self.low:g}, {self.high:g}): set "
                "value_range to the range of its images."
            )
        alone = self._first(
            "generator", f"{where}, the second row alone", lambda: self(z[1:], y[1:])
        )
        self._check_same("generator", pair[1:], alone)

    def probe_vary(self, x: Tensor, y: Tensor, z: Tensor) -> tuple[int, ...]:
        """Vary two of the user's images in the same way; return the shape of the result."""
        where = f"for images of shape {tuple(x.shape)}"
        pair = self._first("vary_with", where, lambda: self.vary(x, y, z, 0.5))
        alone = self._first(
            "vary_with", f"{where}, the second alone", lambda: self.vary(x[1:], y[1:], z[1:], 0.5)
        )
        self._check_same("vary_with", pair[1:], alone)
        return tuple(pair.shape[1:])

    def on(self, device: torch.device) -> Self:
        """Move everything to a device, unless it is there already."""
        for part in self.parts:
            if any(tensor.device != device for tensor in _tensors(part).values()):
                part.to(device)
        self.anchor.data, self.numbers = self.anchor.data.to(device), self.numbers.to(device)
        return self

    def train(self, mode: bool = True) -> Self:
        """Set all parts to `eval`, or back to the modes that they were in."""
        self.training = mode
        if not mode and not self._modes:
            self._modes = [
                (module, module.training) for part in self.parts for module in part.modules()
            ]
            for part in self.parts:
                with suppress(NotImplementedError):  # an exported program has only one mode
                    part.eval()
        elif mode:
            for module, training in self._modes:
                module.training = training
            self._modes = []
        return self

    def _call(self, which: str, z: Tensor, arguments: tuple[Any, ...]) -> Any:
        function: Any = self.functions[which]
        if which not in self.learned.seeded:
            return function(*arguments)
        made = []
        for row, seed in enumerate(row_seeds(z)):
            with fork_rng(seed, z.device):
                one = [
                    value[row : row + 1] if isinstance(value, Tensor) else value
                    for value in arguments
                ]
                made.append(function(*one))
        return torch.cat(made)

    def _first(self, which: str, where: str, call: Callable[[], Tensor]) -> Tensor:
        """Call a function for the first time; an error names the function and its arguments.

        Numbers from torch's global generator would make a row depend on its batch. A function that
        uses them is called row by row from here on, with that generator seeded by the row's noise.
        """
        device = self.anchor.device
        try:
            with fork_rng(0, device):
                before = _random_states(device)
                made = call()
                pairs = zip(before, _random_states(device), strict=True)
                uses_global = any(not torch.equal(a, b) for a, b in pairs)
            if uses_global:
                self.learned.seeded.add(which)
                made = call()
        except InputError:
            raise
        except Exception as error:
            raise InputError(
                f"{which}={name_of(self.functions[which])} fails {where}: {type(error).__name__}: "
                f"{error}. Check latent_shape, and that class_map has valid class numbers."
            ) from error
        return made

    def _check_same(self, which: str, together: Tensor, alone: Tensor) -> None:
        away = (together.clamp(-1, 1) - alone.clamp(-1, 1)).abs().mean().item()
        if away > _SAME_ROW:
            raise InputError(
                f"{which}={name_of(self.functions[which])} returns different images for a row "
                f"alone and in a batch (mean distance {away:.2g} in [-1, 1]): put its network into "
                "eval(), and take noise from z or torch, not from numpy or random."
            )

    def _checked(self, which: str, images: Any, n: int) -> Tensor:
        name = f"{which}={name_of(self.functions[which])}"
        if not isinstance(images, Tensor):
            raise InputError(
                f"{name} returns a {type(images).__name__}: return a Tensor of shape (B, C, H, W)."
            )
        if images.ndim != 4 or len(images) != n or images.shape[1] not in (1, 3):
            raise InputError(
                f"{name} returns a Tensor of shape {tuple(images.shape)} for {n} rows: "
                f"(B, C, H, W) with B={n} and C of 1 or 3 is needed."
            )
        if not images.is_floating_point():
            raise InputError(f"{name} returns {images.dtype}: return float images in value_range.")
        scaled: Tensor = (images.float() - self.low) * (2 / (self.high - self.low)) - 1
        finite = scaled.isfinite().flatten(1).all(dim=1)
        if not finite.all():
            raise InputError(
                f"{name} returns NaN or infinity in {int((~finite).sum())} of {n} rows: check its "
                "weights and, if it computes in 16 bits, its precision."
            )
        return scaled


def name_of(function: Any) -> str:
    """Return the name of a callable for messages."""
    return str(getattr(function, "__qualname__", type(function).__name__))


def identity_of(generator: Any) -> str | None:
    """Hash a generator's weights and module classes, unless it has a method `fingerprint`."""
    if hasattr(generator, "fingerprint"):
        return str(generator.fingerprint())
    module = _module_of(generator)
    tensors = {} if module is None else _tensors(module)
    if module is None or not tensors:
        return None
    parts = [(name, name_of(part)) for name, part in module.named_modules()]
    digest = hashlib.blake2b(repr((name_of(generator), parts)).encode(), digest_size=16)
    for name in sorted(tensors):
        digest.update(f"{name} {tensors[name].dtype} {tuple(tensors[name].shape)}".encode())
        digest.update(tensor_bytes(tensors[name]))
    return digest.hexdigest()


def row_seeds(z: Tensor) -> list[int]:
    """Return a seed for each row of noise; like the noise, it depends on the address alone."""
    rows = z.detach().cpu().contiguous().numpy()
    return [
        int.from_bytes(hashlib.blake2b(row.tobytes(), digest_size=8).digest(), "little") >> 1
        for row in rows
    ]


def _module_of(function: Any) -> nn.Module | None:
    """Return the module that a callable is, or is a method of."""
    owner = function if isinstance(function, nn.Module) else getattr(function, "__self__", None)
    return owner if isinstance(owner, nn.Module) else None


def _tensors(module: nn.Module) -> dict[str, Tensor]:
    return {**dict(module.named_parameters()), **dict(module.named_buffers())}


def _random_states(device: torch.device) -> list[Tensor]:
    states = [torch.get_rng_state()]
    return [*states, torch.cuda.get_rng_state(device)] if device.type == "cuda" else states


@dataclass(frozen=True)
class Scripted:
    """A TorchScript module as bytes, since it cannot be pickled."""

    data: bytes

    @classmethod
    def pack(cls, function: Any) -> Any:
        """Return `function`, or one of these if it is a TorchScript module."""
        if not isinstance(function, torch.jit.ScriptModule):
            return function
        return cls(function.save_to_buffer())

    @staticmethod
    def unpack(value: Any) -> Any:
        """Return what was packed."""
        if not isinstance(value, Scripted):
            return value
        with warnings.catch_warnings():  # the user of torch.jit has seen its deprecation warning
            warnings.simplefilter("ignore", FutureWarning)
            return torch.jit.load(io.BytesIO(value.data))  # type: ignore[no-untyped-call]
