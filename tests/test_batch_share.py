"""The shares of all processes make up what one process draws."""

import torch

from gen_augment.batch_share import batch_share, concatenated, own_normal, own_rows, whole_var_mean


def test_shares_make_up_the_draws_of_one_process() -> None:
    def draw(rank: int, of: int, n: int, n_batches: int) -> torch.Tensor:
        torch.manual_seed(0)
        with batch_share(rank, of), concatenated(n_batches):
            return own_rows(lambda rows: torch.rand(rows, 3), n)

    shares = [draw(rank, 4, 2, 1) for rank in range(4)]
    assert torch.equal(torch.cat(shares), draw(0, 1, 8, 1))
    # Two batches of 6 rows, one after the other.
    real, fake = draw(0, 1, 12, 2).chunk(2)
    for rank in range(3):
        mine = slice(2 * rank, 2 * rank + 2)
        assert torch.equal(draw(rank, 3, 4, 2), torch.cat([real[mine], fake[mine]]))


def test_normal_numbers_follow_the_layout() -> None:
    x = torch.zeros(6, 2, 3, 3).to(memory_format=torch.channels_last)
    torch.manual_seed(0)
    whole = torch.randn_like(x)
    for rank in range(2):
        torch.manual_seed(0)
        with batch_share(rank, 2):
            mine = own_normal(x[:3])
        assert torch.equal(mine, whole[3 * rank : 3 * rank + 3])
        assert mine.is_contiguous(memory_format=torch.channels_last)


def test_one_process_has_the_whole_batch() -> None:
    x = torch.randn(5, 4)
    var, mean = whole_var_mean(x, [0])
    torch.testing.assert_close(var, x.var(dim=0, unbiased=False))
    torch.testing.assert_close(mean, x.mean(dim=0))
