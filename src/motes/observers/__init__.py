"""Whoever watches a run: when they are due, the observers that ship, and how a checkpoint brings them back.

Observers see a read-only :class:`Frame` and nothing else, so none of them can change a trajectory.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from motes.core.errors import InputError
from motes.observers.average import Average
from motes.observers.checkpoint import Checkpoint
from motes.observers.msd import Msd
from motes.observers.profile import Profile
from motes.observers.rdf import Rdf
from motes.observers.roster import Frame, Observer, Roster
from motes.observers.structure_factor import StructureFactor
from motes.observers.thermo import Thermo
from motes.observers.trajectory import Trajectory

__all__ = [
    "Average", "Checkpoint", "Frame", "Msd", "Observer", "Profile", "Rdf", "Roster", "StructureFactor", "Thermo",
    "Trajectory", "restore",
]  # fmt: skip


KINDS: dict[str, type[Average | Checkpoint | Msd | Profile | Rdf | StructureFactor | Thermo | Trajectory]] = {
    "average": Average,
    "checkpoint": Checkpoint,
    "msd": Msd,
    "profile": Profile,
    "rdf": Rdf,
    "structure_factor": StructureFactor,
    "thermo": Thermo,
    "trajectory": Trajectory,
}


def restore(memory: Mapping[str, Any], beside: Path) -> Observer:
    """The observer that goes on where this memory (see Observer.remember) ends.

    Args:
        memory: what was remembered; `kind` says by whom.
        beside: the folder from which its paths are seen.

    Raises:
        InputError: for an unknown kind and for a memory that makes no sense. Files are looked at when the observer
            starts, not before.
    """
    kind = memory.get("kind")
    if not isinstance(kind, str) or kind not in KINDS:
        known = " or ".join(KINDS)
        raise InputError(f"the checkpoint has an observer of the kind {kind!r}; only {known} can be brought back")
    return KINDS[kind].from_memory(memory, beside)
