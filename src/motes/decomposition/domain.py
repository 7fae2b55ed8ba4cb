"""One region of the box: which particles it owns, which ghosts it sees, and how both stay true.

Four verbs serve the step: migrate hands particles over to their owners, build_halo makes the ghosts, refresh lets them
follow in some columns, fold brings home what they gathered in one. Each works axis by axis with the two neighbours
along that axis, so edges and corners need no messages of their own. Whoever the neighbour is, the region itself (one
region along a periodic axis) or another rank reached through the link, the steps are the same.

Invariant: ghosts stand where their particles stand, shifted by whole edges of the box, so distances to them are the
same numbers in every region.

Disadvantage: axes wait for one another, three messages in a row; a halo that reaches through several regions takes
as many for each axis.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from motes.core.board import Board
from motes.core.box import REACH
from motes.core.errors import OutgrownError, ParticleError, RunError
from motes.core.state import FAR_AROUND, MOST_IMAGES, Array, Floats, Integers, State
from motes.core.threads import Team
from motes.decomposition.grid import Face, Regions
from motes.decomposition.halo import (
    copy_columns,
    copy_shell,
    count_beyond,
    find_below,
    fold_shell,
    pack,
    unpack_add,
    wrap,
)
from motes.decomposition.post import Post


class Link(Protocol):
    """How a region reaches the others. All verbs but exchange are answered alike on every rank."""

    rank: int
    size: int
    waited: float
    messages: int
    bytes: int
    together: bool
    """Whether there are others, and all of them share memory."""

    def board(self, words: int) -> Board:
        """Shared memory with so many words for the messages of each rank, or more; all ranks ask for the same."""

    def exchange(self, given: Array, to: int | None, shape: tuple[int, ...] | None, origin: int | None) -> Array:
        """Send an array of 8-byte numbers to one rank and receive one from another, None meaning no one.

        The shape of what comes is asked of the other side if it is not known.
        """

    def most(self, number: int) -> int:
        """The largest of the numbers of all ranks."""

    def sum(self, values: Integers) -> Integers:
        """The sum over all ranks, modulo 2**64."""

    def maximum(self, values: Floats) -> Floats:
        """The largest over all ranks, number by number, of what is not below 0."""

    def gather(self, values: Array) -> list[Array]:
        """What each rank has along the last axis, for rank 0; nothing for the others."""


@dataclass
class Shell:
    """Ghosts begin .. begin + count that come from the upper neighbour, and the indices given to the lower one."""

    axis: int
    shift: float
    to: int | None
    origin: int | None
    source: Integers
    begin: int = 0
    count: int = 0


MOST_COLUMNS = 2
"""That ghosts receive at once: what they carry, and how fast they are."""

TOO_FAR = f"is more than {REACH:g} edges of the box beyond its open side"


class Domain:
    """The region of one rank. halo is the distance beyond its upper sides that it must see."""

    def __init__(self, regions: Regions, halo: float, link: Link, team: Team) -> None:
        self.regions = regions
        self.halo = halo
        self.link = link
        self.team = team
        self.shells: list[Shell] = []
        self.post: Post = Messages(link)
        self._indices = np.empty(0, np.int64)
        self._expected: Integers | None = None

    def region(self) -> tuple[Floats, Floats]:
        """Lower and upper corner of the region."""
        return self.regions.corners(self.link.rank)

    # Owners

    def check_reach(self, state: State) -> None:
        """Raise a ParticleError for a particle that has left an open box too far, or so far that the grid ends."""
        if not state.box.opened.any():
            return
        lower, upper = state.box.reach(state.spacing)
        for axis, sides in enumerate(state.box.sides):
            limits = float(lower[axis]), float(upper[axis])
            if "open" in sides and any(self.team.split(count_beyond, state.owned, state.positions, axis, *limits)):
                if (state.spacing < state.box.far_spacing).any():
                    raise OutgrownError("position")
                x = state.positions[axis, : state.owned]
                beyond = np.flatnonzero(~((x >= limits[0]) & (x <= limits[1])))
                raise ParticleError(TOO_FAR, int(beyond[np.argmin(state.ids[beyond])]))

    def check_images(self, state: State) -> None:
        """Raise a ParticleError for a particle that has gone around the box more often than can be counted."""
        images = state.images[:, : state.owned]
        if max(int(images.max(initial=0)), -int(images.min(initial=0))) > MOST_IMAGES:
            beyond = np.flatnonzero(np.abs(images).max(axis=0) > MOST_IMAGES)
            raise ParticleError(FAR_AROUND, int(beyond[np.argmin(state.ids[beyond])]))

    def migrate(self, state: State) -> None:
        """Every particle to its owner, and back into the box."""
        state.ghosts = 0
        self._wrap(state)
        for axis, parts in enumerate(self.regions.shape):
            while parts > 1 and self._hand_over(state, axis, parts):
                pass
        self._check_count(state)

    def recount(self) -> None:
        """Others may be here from now on: the next migration counts anew."""
        self._expected = None

    def _wrap(self, state: State) -> None:
        periodic = state.box.periodic.astype(np.int64)
        self.team.split(wrap, state.owned, state.positions, state.images, state.box.lengths, periodic)

    def _hand_over(self, state: State, axis: int, parts: int) -> bool:
        """Give particles that belong elsewhere to the next region on their way; whether some have not arrived."""
        here = self.regions.coordinates(self.link.rank)[axis]
        away = self.regions.index(axis, state.positions[axis, : state.owned]) - here
        if state.box.periodic[axis]:
            away = (away + parts // 2) % parts - parts // 2
        lower = self.regions.neighbor(self.link.rank, axis, -1)
        upper = self.regions.neighbor(self.link.rank, axis, 1)
        down = state.take(np.flatnonzero(away < 0))
        up = state.take(np.flatnonzero(away > 0))
        state.keep(np.flatnonzero(away == 0))
        state.add(self.link.exchange(down, lower, None, upper))
        state.add(self.link.exchange(up, upper, None, lower))
        return self.link.most(int(np.abs(away).max(initial=0))) > 1

    def _check_count(self, state: State) -> None:
        """No particle is lost or doubled on its way: their number and two sums over ids stay what they were."""
        ids = state.ids[: state.owned]
        found = self.link.sum(np.array([state.owned, ids.sum(), (ids * ids).sum()]))
        if self._expected is None:
            self._expected = found
        elif not np.array_equal(found, self._expected):
            raise RunError(
                f"step {state.step}: {found[0]} particles arrived of {self._expected[0]}, or not the same ones: "
                "this is a fault of Motes; please report it"
            )

    # Ghosts

    def build_halo(self, state: State) -> None:
        """Make the ghosts anew."""
        self.shells = []
        for face in self.regions.faces(self.link.rank, self.halo):
            first, last = 0, state.total
            for _ in range(face.hops):
                self._add_shell(state, face, first, last)
                first, last = self.shells[-1].begin, state.total

    def widen_halo(self, state: State) -> None:
        """Make the ghosts anew, from farther away: something that reaches across the border was not found."""
        span = float((state.box.lengths * (1 + 2 * REACH * state.box.opened)).max())
        if self.halo > state.dimensions * span:
            raise RunError(
                f"step {state.step}: a particle of a bond or an angle was not found anywhere: this is a fault of "
                "Motes; please report it"
            )
        self.halo = 1.25 * self.halo or 0.25 * float(state.box.lengths.min())
        state.ghosts = 0
        self.build_halo(state)

    def _add_shell(self, state: State, face: Face, first: int, last: int) -> None:
        """Give the lower neighbour what it must see of indices first .. last, and take what comes from the upper."""
        shell = Shell(face.axis, face.shift, face.lower, face.upper, np.empty(0, np.int64), state.total)
        if face.lower is not None:
            shell.source = self._find_below(state, face.axis, first, last, face.limit)
        if face.lower == self.link.rank:
            state.copy_ghosts(shell.source, face.axis, face.shift)
        else:
            leaving = state.ghost_columns(shell.source, face.axis, face.shift)
            state.add_ghosts(self.link.exchange(leaving, face.lower, None, face.upper), face.axis)
        shell.count = state.total - shell.begin
        self.shells.append(shell)

    def _find_below(self, state: State, axis: int, first: int, last: int, limit: float) -> Integers:
        if len(self._indices) < last - first:
            self._indices = np.empty(2 * (last - first), np.int64)
        found = find_below(state.positions, axis, first, last, limit, self._indices)
        return self._indices[:found].copy()

    def refresh(self, state: State, columns: Sequence[str] = ("positions",)) -> None:
        """Ghosts take over what their particles have in these columns; positions are shifted."""
        rows = [(_rows(state.column(name)), float(name == "positions")) for name in columns]
        for number, shell in enumerate(self.shells):
            for k, (values, moved) in enumerate(rows):
                self._refresh(k * len(self.shells) + number, shell, values, moved * shell.shift)

    def _refresh(self, number: int, shell: Shell, rows: Floats, shift: float) -> None:
        if shell.to == self.link.rank:
            self.team.split(copy_shell, shell.count, rows, shell.source, shell.begin, shell.axis, shift)
            return
        leaving = self.post.leaving(number, (len(rows), len(shell.source)), rows.dtype)
        self.team.split(pack, len(shell.source), rows, shell.source, shell.axis, shift, leaving)
        arriving = self.post.exchange(number, leaving, shell.to, (len(rows), shell.count), shell.origin)
        self.team.split(copy_columns, shell.count, arriving, 0, rows, shell.begin)

    def fold(self, state: State, column: str = "forces") -> None:
        """What ghosts gathered in a column of whole numbers goes home, the last shell first."""
        rows = _rows(state.column(column))
        for number, shell in reversed(list(enumerate(self.shells))):
            if shell.to == self.link.rank:
                self.team.split(fold_shell, shell.count, rows, shell.source, shell.begin)
                continue
            back = MOST_COLUMNS * len(self.shells) + number
            leaving = self.post.leaving(back, (len(rows), shell.count), rows.dtype)
            self.team.split(copy_columns, shell.count, rows, shell.begin, leaving, 0)
            arriving = self.post.exchange(back, leaving, shell.origin, (len(rows), len(shell.source)), shell.to)
            self.team.split(unpack_add, len(shell.source), arriving, shell.source, rows)

    @property
    def messages(self) -> int:
        """How many are numbered: one for each shell, in each column there, and back."""
        return (MOST_COLUMNS + 1) * len(self.shells)

    @property
    def longest_message(self) -> int:
        """The most particles that one of them is about."""
        return max(
            (max(len(shell.source), shell.count) for shell in self.shells if shell.to != self.link.rank), default=0
        )


class Messages:
    """Takes what leaves a region to where it goes, by the link."""

    def __init__(self, link: Link) -> None:
        self._link = link

    def leaving(self, number: int, shape: tuple[int, int], kind: Any) -> Array:  # noqa: ARG002  # a new one for each
        """A new array."""
        return np.empty(shape, kind)

    def exchange(
        self, number: int, given: Array, to: int | None, shape: tuple[int, int], origin: int | None  # noqa: ARG002
    ) -> Array:  # fmt: skip
        """See Link."""
        return self._link.exchange(given, to, shape, origin)


def _rows(column: Array) -> Array:
    """A column as rows, of which a number a particle is one."""
    return column if column.ndim == 2 else column[None, :]
