"""Views of batches: inputs that belong together are replaced together."""

from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import ArrayLike
from torch import Tensor
from torch.utils.data import DataLoader
from torchvision import tv_tensors

from gen_augment import BootstrapSampler, InputError, SyntheticMix, augment_loader
from gen_augment.inject.batch_view import BatchView

Y = torch.tensor([0, 1, 2, 0, 1, 1, 2, 0])


class Texts:
    """Row `i` of class `c` has the tokens ``(100 + i, c)`` and a mask of two ones."""

    classes_ = np.array([0, 1, 2])
    class_prior_ = np.full(3, 1 / 3)

    def generate(self, index: ArrayLike, y: ArrayLike, *, seed: int | None = None) -> Any:
        tokens = torch.from_numpy(np.stack([np.asarray(index) + 100, np.asarray(y)], axis=1))
        return {"input_ids": tokens, "attention_mask": torch.ones_like(tokens)}


def text_batch() -> dict[str, Tensor]:
    """A Hugging Face batch. Its real rows have tokens below 100 and masks of zeros."""
    tokens = torch.stack([torch.arange(8), Y], dim=1)
    return {"input_ids": tokens, "attention_mask": torch.zeros_like(tokens), "labels": Y.clone()}


def check(ids: Tensor, mask: Tensor, y: Tensor, n: int) -> None:
    made = ids[:, 0] >= 100
    assert int(made.sum()) == n
    assert torch.equal(mask, made.long()[:, None].expand(-1, 2))
    assert torch.equal(ids[:, 1], y)


@pytest.mark.parametrize("labels", ["same", "balanced", {2: 1}])
@pytest.mark.parametrize("mode", ["replace", "append"])
def test_inputs_of_a_row_move_together(labels: Any, mode: Any) -> None:
    flat = text_batch()
    nested = ({key: flat[key] for key in ("input_ids", "attention_mask")}, flat["labels"])
    renamed = {"a": flat["input_ids"], "b": flat["attention_mask"], "labels": Y}
    asked: dict[str, Any] = {"ratio": 0.5, "mode": mode, "labels": labels}
    [out] = augment_loader([flat], Texts(), **asked)
    check(out["input_ids"], out["attention_mask"], out["labels"], 4)
    [(inputs, y)] = augment_loader([nested], Texts(), **asked)
    check(inputs["input_ids"], inputs["attention_mask"], y, 4)
    renaming = lambda row: {"a": row, "b": torch.ones_like(row)}  # noqa: E731
    keys = (("a", "b"), "labels")

    class Tokens(Texts):
        def generate(self, *args: Any, **kwargs: Any) -> Any:
            return super().generate(*args, **kwargs)["input_ids"]

    [out] = augment_loader([renamed], Tokens(), transform=renaming, keys=keys, **asked)
    check(out["a"], out["b"], out["labels"], 4)
    assert flat["input_ids"].max() < 100
    assert int(flat["attention_mask"].sum()) == 0


def test_a_mix_and_a_collated_loader_move_them_together() -> None:
    out = SyntheticMix(Texts(), ratio=0.5)(text_batch())
    check(out["input_ids"], out["attention_mask"], out["labels"], 4)
    rows = [{key: part[i] for key, part in text_batch().items()} for i in range(8)]
    for out in augment_loader(DataLoader(rows, 4), Texts(), ratio=0.5):  # type: ignore[arg-type]
        check(out["input_ids"], out["attention_mask"], out["labels"], 2)


def test_rows_without_all_inputs_are_named() -> None:
    class Tokens(Texts):
        def generate(self, *args: Any, **kwargs: Any) -> Any:
            return super().generate(*args, **kwargs)["input_ids"]

    with pytest.raises(InputError, match=r"'attention_mask'\], and synthetic rows are Tensors"):
        list(augment_loader([text_batch()], Tokens(), ratio=0.5))
    partly = lambda row: {"input_ids": row}  # noqa: E731
    with pytest.raises(InputError, match=r"synthetic rows have \['input_ids'\]"):
        list(augment_loader([text_batch()], Tokens(), ratio=0.5, transform=partly))
    shorter = lambda row: {"input_ids": row[:1], "attention_mask": row}  # noqa: E731
    with pytest.raises(InputError, match="real rows of 'input_ids' are Tensor"):
        list(augment_loader([text_batch()], Tokens(), ratio=0.5, transform=shorter))


def test_a_view_tells_inputs_from_other_entries() -> None:
    view = BatchView.of({**text_batch(), "id": torch.arange(8), "temperature": 0.5})
    assert list(view.inputs) == ["input_ids", "attention_mask"]
    assert view.labels_key == "labels"
    with pytest.raises(InputError, match="'id'"):
        view.check_only_inputs_and_labels()
    moved = view.on(torch.device("meta")).to_batch()
    assert {part.device.type for part in moved.values() if isinstance(part, Tensor)} == {"meta"}


@pytest.mark.parametrize("mode", ["replace", "append"])
def test_batches_keep_their_subclass_and_memory_format(mode: Any) -> None:
    X = np.random.default_rng(0).integers(0, 256, (8, 3, 8, 8), dtype=np.uint8)
    sampler = BootstrapSampler(random_state=0).fit(X, Y.numpy())
    last = torch.from_numpy(X).contiguous(memory_format=torch.channels_last)
    for x in (tv_tensors.Image(torch.from_numpy(X)), last):
        ((made, y),) = augment_loader([(x, Y)], sampler, ratio=0.5, mode=mode)
        assert type(made) is type(x)
        assert made.is_contiguous(memory_format=torch.channels_last) is (x is last)
        assert len(made) == len(y) == (12 if mode == "append" else 8)
