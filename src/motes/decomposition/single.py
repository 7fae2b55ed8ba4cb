"""One rank: the region is the whole box, and its ghosts are its own periodic images, by the verbs of many ranks.

So kernels need no minimum-image branch, and a box thinner than the cutoff just has several images of itself. The
disadvantage against minimum images: ghosts are copied, about a quarter of 32,000 particles of a liquid.
"""

from __future__ import annotations

import math

import numpy as np

from motes.decomposition.halo import Shell, copy_shell, empty_places, find_below, fold_shell, wrap
from motes.errors import RunError
from motes.state import Floats, Integers, State
from motes.threads import Team


class SingleDomain:
    """The whole box as one region; halo is the distance beyond its upper sides that it must see."""

    def __init__(self, halo: float, team: Team) -> None:
        self.halo = halo
        self.team = team
        self.shells: list[Shell] = []
        self._places = empty_places(0)

    def any(self, flag: bool) -> bool:
        """Whether any rank says so."""
        return flag

    def sum(self, values: Integers) -> Integers:
        """The sum over all ranks."""
        return values

    def region(self, state: State) -> tuple[Floats, Floats]:
        """Lower and upper corner of the region."""
        return np.zeros(state.dimensions), state.box.lengths

    def migrate(self, state: State) -> None:
        """Every particle to its owner: here, back into the box."""
        state.ghosts = 0
        box = state.box
        limit = 2 * float(box.lengths.max())
        lost = self.team.split(
            wrap, state.owned, state.positions, box.lengths, box.periodic.astype(np.int64), limit
        )
        if max(lost) >= 0:
            place = max(lost)
            where = state.positions[:, place] + box.origin
            raise RunError(
                f"step {state.step}: particle {state.ids[place]} is at {where.tolist()}, more than twice the longest "
                "edge from the origin of the box; give a larger box, or a smaller dt if it was thrown out"
            )

    def build_halo(self, state: State) -> None:
        """Make the ghosts anew."""
        self.shells = []
        box = state.box
        for axis in np.flatnonzero(box.periodic).tolist():
            length = float(box.lengths[axis])
            sources = state.total
            for image in range(1, math.ceil(self.halo / length) + 1):
                self._add_shell(state, axis, image * length, sources, length + self.halo)

    def _add_shell(self, state: State, axis: int, shift: float, sources: int, limit: float) -> None:
        if len(self._places) < state.total:
            self._places = empty_places(2 * state.total)
        found = find_below(state.positions, axis, sources, limit - shift, self._places)
        shell = Shell(axis, shift, state.total, self._places[:found].copy())
        state.reserve(state.total + found)
        state.ghosts += found
        end = shell.begin + found
        state.ghost_axes[shell.begin : end] = state.ghost_axes[shell.source] | (1 << axis)
        for _, values in state.columns():
            values[shell.begin : end] = values[shell.source]
        self.shells.append(shell)
        self._copy(state, shell)

    def refresh_halo(self, state: State) -> None:
        """Ghosts follow their particles."""
        for shell in self.shells:
            self._copy(state, shell)

    def _copy(self, state: State, shell: Shell) -> None:
        self.team.split(
            copy_shell, len(shell.source), state.positions, shell.source, shell.begin, shell.axis, shell.shift
        )

    def fold_forces(self, state: State) -> None:
        """What ghosts felt goes home, the last shell first."""
        for shell in reversed(self.shells):
            self.team.split(fold_shell, len(shell.source), state.forces, shell.source, shell.begin)
