"""`python -m motes`, the same as `motes`."""

from motes.cli import main

main()
