"""Random mirror images."""

import torch

from gen_augment.samplers.mirroring import mirror_half


def test_half_of_the_rows_are_mirrored() -> None:
    torch.manual_seed(0)
    x = torch.arange(4.0).expand(4000, 1, 2, 4)
    mirrored = mirror_half(x, lambda rows: rows.flip(-1))
    changed = (mirrored == x.flip(-1)).flatten(1).all(dim=1)
    assert ((mirrored == x).flatten(1).all(dim=1) ^ changed).all()
    assert abs(changed.float().mean() - 0.5) < 0.04


def test_rows_without_a_mirror_image_draw_nothing() -> None:
    x, before = torch.randn(5, 3), torch.get_rng_state()
    assert mirror_half(x, lambda rows: rows) is x
    assert torch.equal(torch.get_rng_state(), before)
