"""Parameters that cannot be used are named."""

from typing import Any

import pytest

from gen_augment import InputError
from gen_augment.samplers.diffusion.checks import check_params
from tests.samplers.diffusion.conftest import sampler


@pytest.mark.parametrize(
    "params, message",
    [
        ({"path": None}, "path=None: give the folder"),
        ({"max_steps": -1}, "max_steps=-1"),
        ({"max_steps": 1.5}, "max_steps=1.5"),
        ({"batch_size": 0}, "batch_size=0"),
        ({"lr": 0}, "lr=0"),
        ({"precision": "8"}, "precision='8'"),
        ({"allow_download": "yes"}, "allow_download='yes'"),
        ({"num_inference_steps": 0}, "num_inference_steps=0"),
        ({"lora_rank": 0}, "lora_rank=0"),
        ({"image_size": 1.5}, "image_size=1.5"),
        ({"guidance": -1}, "guidance=-1"),
        ({"prior_weight": -1}, "prior_weight=-1"),
        ({"negative_prompt": 3}, "negative_prompt=3"),
        ({"options": [1]}, r"options=\[1\]"),
        ({"class_map": [0, 1]}, "class_map"),
        ({"save_memory": "cpu_offload"}, "save_memory='cpu_offload' is not a list"),
        ({"save_memory": ["magic"]}, "save_memory='magic'"),
    ],
    ids=str,
)
def test_bad_parameters_are_named(params: dict[str, Any], message: str) -> None:
    made = sampler("folder").set_params(**params)
    with pytest.raises(InputError, match=message):
        check_params(made)


def test_no_steps_at_all_are_allowed() -> None:
    check_params(sampler("folder", max_steps=0, lora_rank=None))
