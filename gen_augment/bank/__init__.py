"""A pool of synthetic rows on disk: built once, read by any number of processes."""

from gen_augment.bank.bank import SampleBank

__all__ = ["SampleBank"]
