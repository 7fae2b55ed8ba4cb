"""The two ways in which Motes says no."""


class InputError(ValueError):
    """What was asked for cannot be run: the message says what, where, and what would be right.

    The command line exits with status 2.
    """


class RunError(RuntimeError):
    """A run that had begun cannot go on: the message says at which step, which particle, and why.

    The command line exits with status 1.
    """
