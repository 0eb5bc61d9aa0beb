"""``python -m gen_augment.cli``."""

from gen_augment.cli import main

main()
