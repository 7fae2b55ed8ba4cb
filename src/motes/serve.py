"""`python -m motes.serve`: a rank that does what rank 0 says."""

from __future__ import annotations

from motes.errors import InputError


def main() -> None:
    """Serve until rank 0 ends."""

    from motes.interrupts import ignore_interrupts
    from motes.ranks import world

    ignore_interrupts()

    try:
        world()
    except InputError as error:  # rank 0 says the same; one voice is enough
        raise SystemExit(2) from error


if __name__ == "__main__":
    main()
