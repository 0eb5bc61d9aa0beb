"""Synthetic rows on disk: generated once, read by any number of processes."""

from gen_augment.bank.bank import SampleBank

__all__ = ["SampleBank"]
