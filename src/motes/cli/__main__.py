"""`python -m motes.cli`, the same as `motes`."""

from motes.cli import main

main()
