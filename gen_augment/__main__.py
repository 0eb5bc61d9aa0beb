"""``python -m gen_augment``."""

from gen_augment.cli import main

main()
