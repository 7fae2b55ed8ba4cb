"""Whoever watches a run: when they are due, and the observers that ship.

Observers see a read-only :class:`Frame` and nothing else, so none of them can change a trajectory.
"""

from motes.observers.checkpoint import Checkpoint
from motes.observers.schedule import Frame, Observer, Schedule
from motes.observers.thermo import Thermo
from motes.observers.trajectory import Trajectory

__all__ = ["Checkpoint", "Frame", "Observer", "Schedule", "Thermo", "Trajectory"]
