"""A folder of pretrained GPT-2 weights, as `save_pretrained` of transformers writes it."""

from pathlib import Path
from typing import Any, NamedTuple

from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from gen_augment.archive import read_json
from gen_augment.errors import InputError
from gen_augment.samplers.language.network import Architecture, CausalTransformer
from gen_augment.samplers.language.tokens import Tokens

__all__ = ["Pretrained", "check_tokens", "load_weights", "read_folder"]

#: The model may have this many more tokens than the tokenizer: sizes are rounded up.
SPARE_TOKENS = 1024
_PICKLES = (".bin", ".ckpt", ".pkl", ".pt", ".pth")
#: Settings that change the network, with the value that `CausalTransformer` has.
_FIXED = {
    "model_type": "gpt2",
    "activation_function": "gelu_new",
    "scale_attn_weights": True,
    "scale_attn_by_inverse_layer_idx": False,
    "tie_word_embeddings": True,
    "add_cross_attention": False,
}


class Pretrained(NamedTuple):
    """What a folder holds: tokenizer, sizes and weights."""

    tokens: Tokens
    architecture: Architecture
    weights: dict[str, Tensor]


def read_folder(path: Any, dropout: float) -> Pretrained:
    """Read ``config.json``, ``tokenizer.json`` and ``*.safetensors`` of a folder.

    Raises
    ------
    InputError
        A file is missing or damaged, the weights are pickled or of another network, or the
        tokenizer has other tokens than the weights.
    """
    folder = Path(path)
    if not folder.is_dir():
        raise InputError(f"pretrained={str(path)!r} is not a folder.")
    config = read_json(folder / "config.json")
    for name, value in _FIXED.items():
        if config.get(name, value) != value:
            raise InputError(
                f"{folder / 'config.json'} has {name}={config[name]!r}, and only GPT-2 with "
                f"{name}={value!r} is supported: give the folder of another model."
            )
    width, inner = config.get("n_embd", 768), config.get("n_inner")
    if inner is not None and inner != 4 * width:
        raise InputError(
            f"{folder / 'config.json'} has n_inner={inner!r}, and only 4 * n_embd = {4 * width} is "
            "supported: give the folder of another model."
        )
    try:
        architecture = Architecture(
            vocab_size=config["vocab_size"],
            n_positions=config.get("n_positions", 1024),
            width=width,
            n_layers=config.get("n_layer", 12),
            n_heads=config.get("n_head", 12),
            end=config["eos_token_id"],
            dropout=dropout,
            epsilon=config.get("layer_norm_epsilon", 1e-5),
        )
    except (KeyError, InputError) as error:
        reason = str(error).rstrip(".")
        raise InputError(f"{folder / 'config.json'} cannot be used: {reason}.") from error
    tokens = _tokens(folder / "tokenizer.json")
    check_tokens(tokens, architecture)
    return Pretrained(tokens, architecture, _weights(folder))


def check_tokens(tokens: Tokens, architecture: Architecture) -> None:
    """Raise `InputError` if a tokenizer or its end token does not go with a model."""
    end = architecture.end
    if type(end) is not int or not 0 <= end < architecture.vocab_size:
        raise InputError(
            f"the token {end!r}, which ends a text, is none of the {architecture.vocab_size} of "
            "the model: set eos_token_id in config.json."
        )
    spare = architecture.vocab_size - len(tokens)
    if not 0 <= spare <= SPARE_TOKENS:
        raise InputError(
            f"the tokenizer has {len(tokens)} tokens and the model {architecture.vocab_size}: they "
            "do not belong together. Take both from one folder."
        )


def load_weights(model: CausalTransformer, pretrained: Pretrained) -> None:
    """Copy pretrained weights into a model; class embeddings stay random and small."""
    mine = model.state_dict()
    expected = {name: tuple(tensor.shape) for name, tensor in mine.items() if name[:6] != "label."}
    found = {name: tuple(tensor.shape) for name, tensor in pretrained.weights.items()}
    if expected != found:
        name = min(expected.items() ^ found.items())[0]
        raise InputError(
            f"the pretrained weights {name!r} have shape {found.get(name)}, and "
            f"{expected.get(name)} is expected: config.json and the weights do not fit together."
        )
    model.load_state_dict({**pretrained.weights, "label.weight": mine["label.weight"]})


def _tokens(path: Path) -> Tokens:
    try:
        return Tokens(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError(
            f"{path} cannot be read ({error.strerror}): save the tokenizer with "
            "AutoTokenizer.from_pretrained(...).save_pretrained(folder)."
        ) from error
    except InputError as error:
        raise InputError(f"{path}: {error}") from error


def _weights(folder: Path) -> dict[str, Tensor]:
    files = sorted(folder.glob("*.safetensors"))
    if not files:
        pickled = sorted(file.name for file in folder.iterdir() if file.suffix in _PICKLES)
        found = f"only pickled weights ({', '.join(pickled)})" if pickled else "no weights"
        raise InputError(
            f"{folder} holds {found}, and only safetensors are read, since loading a pickle can "
            "run any code: write them with model.save_pretrained(folder, safe_serialization=True)."
        )
    weights: dict[str, Tensor] = {}
    for file in files:
        try:
            weights |= load_file(file)
        except (SafetensorError, OSError, ValueError) as error:
            raise InputError(f"{file} is damaged: {error}") from error
    renamed = {name.removeprefix("transformer."): tensor for name, tensor in weights.items()}
    return {
        # GPT-2's layers were written as convolutions, whose weights are transposed.
        name: (tensor.T if ".c_" in name and tensor.ndim == 2 else tensor).float().contiguous()
        for name, tensor in renamed.items()
        if name != "lm_head.weight" and not name.endswith((".attn.bias", ".attn.masked_bias"))
    }
