"""Many independent runs at once: which runs there are, who does them, and what came of each.

The function is `motes.sweep`; this package bears another name, since a module of that name would hide the function.
"""

from motes.sweeps.conduct import conduct, sweep

__all__ = ["conduct", "sweep"]
