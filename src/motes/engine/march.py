"""The march: steps without Python, until something must be decided.

Algorithm: the loops of a step are put on a tape (core/tape.py) by going through a step once while the team notes down
what it is asked to do. The tape is then played step after step, by threads that stay; guards end that when lists must
be built, when a number nears an end of its range, or when a particle cannot be taken further. What must be decided is
then done by the ordinary step, from the point where the guard stood; where that has built lists, a new tape begins in
the middle of the step.

Ranks of one machine march together: what leaves a region is written into memory that all of them see
(core/board.py), and they meet where the ordinary step has messages, and before each guard.

Invariant: the tape has the loops of the ordinary step, in its order, on the same arrays. So it has its bits. What is
reduced over all ranks decides whether a march begins and where it ends, so all of them take the same steps.

Disadvantage: only steps whose loops get the same from step to step, but for its number, can be put on a tape, and only
on one machine.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from time import perf_counter
from typing import Any, Protocol

import numpy as np

from motes.core.board import LINE, Board
from motes.core.compiled import BEYOND, ENERGY, FORCE, LEAP, MOVE, SPEED, STRAY
from motes.core.state import Integers, State
from motes.core.tape import Tape, play
from motes.core.threads import Team
from motes.decomposition.domain import MOST_COLUMNS, Domain, Link
from motes.decomposition.post import BoardPost
from motes.engine.ahead import Ahead
from motes.engine.clock import Clock
from motes.engine.noted import MOST_SUMS, Noted, UnmarchableError, sum_of
from motes.exact.arithmetic import bits_of, number_of
from motes.exact.quanta import AMPLE, FORCES, LOOSE, SPEEDS, SUMS
from motes.forces.clusters import SPREAD
from motes.forces.law import Stage, Sums
from motes.forces.slots import SlotForces
from motes.integrators.motion import Integrator
from motes.integrators.world import World
from motes.neighbors.list import NeighborList

HALF, FORCED, DONE = 1, 2, 3
"""Where a step was left: with its first half done, with its forces computed, with all done but what a guard saw."""

UNMARCHABLE, WITHOUT_THREADS = 2, 1
"""What may keep a rank from a march; the larger is sent to all."""

MOST_SHARED = 2**25
"""Bytes of messages beyond which ranks do not march: containers have little memory to share, often 64 MB, and steps so
long gain nothing."""

MOST_ROWS = 3
"""Of a column that travels."""

LARGEST_NUMBER = float(np.finfo(float).max)
ANYTHING = int(np.iinfo(np.int64).max)

BUSY = 0.4
"""Where threads wait for each other for more of the time, other programs have the cores, and one thread does more."""

ALONE, LONGEST_ALONE = 4, 64
"""Lists after which more threads are tried again: twice as many each time, until that lasts for so many lists."""


class Sharing:
    """How many threads share a list: all, or for some lists one alone, where they waited for each other too long.

    Args:
        threads: how many there are.
    """

    def __init__(self, threads: int) -> None:
        self._all = threads
        self._waited = self._spent = 0  # cycles with this list
        self._waiting = 0.0  # the part of the time for which threads waited, over the last lists
        self._alone = 0  # lists that are left to one thread
        self._next_alone = ALONE
        self._shared = 0  # lists that several threads shared since one was alone

    @property
    def threads(self) -> int:
        """For this list."""
        return 1 if self._alone > 0 else self._all

    def note(self, waited: int, spent: int) -> None:
        """Several threads have marched for so many cycles, and one of them waited for so many."""
        self._waited, self._spent = self._waited + waited, self._spent + spent

    def end_list(self) -> None:
        """Another list comes."""
        if self._alone > 0:
            self._alone -= 1
        elif self._spent > 0:
            self._shared += 1
            if self._shared == LONGEST_ALONE:
                self._next_alone = ALONE
            self._waiting = 0.75 * self._waiting + 0.25 * min(self._waited / self._spent, 1.0)
            if self._waiting > BUSY:
                self._alone, self._next_alone = self._next_alone, min(2 * self._next_alone, LONGEST_ALONE)
                self._waiting, self._shared = 0.0, 0
        self._waited = self._spent = 0


class Marching(Protocol):
    """What a march sees of the engine whose steps it takes."""

    state: State
    team: Team
    link: Link
    clock: Clock
    integrator: Integrator
    domain: Domain
    neighbors: NeighborList
    slots: SlotForces
    stages: list[Stage]
    world: World
    ahead: Ahead
    work: float
    largest_sums: list[float]

    def exchange(self, stage: Stage) -> None:
        """See Engine."""

    def couple(self) -> None:
        """See Engine."""

    @property
    def refreshed(self) -> tuple[str, ...]:
        """See Engine."""

    def note_velocities(self) -> None:
        """See Engine."""


class March:
    """The steps of an engine about which nothing must be decided."""

    def __init__(self, engine: Marching) -> None:
        self._engine = engine
        self._taped_for: Any = None  # the lists, quanta and so on that its loops get
        self._tape = Tape(1)
        self._seen: dict[int, list[int]] = {}
        self._summed: dict[int, int] = {}
        self._players: list[_Player] = []
        self._layout: Any = None  # of the tape
        self._advances: list[Integers] = []
        self._results: Integers = np.zeros(0, np.int64)
        self._cycles: Integers = np.zeros(0, np.int64)
        self._sync: Integers = np.zeros(2 * LINE, np.int64)
        self._waits: Integers = np.zeros(0, np.int64)
        self._sharing = Sharing(engine.team.threads)
        self._board: Integers = np.zeros(0, np.int64)
        self._sent: tuple[list[int], ...] = [], [], []
        """Bytes of the messages of a step: before its middle, with its forces, and after them."""
        self._unfit: Integrator | None = None  # one whose steps could not be put on a tape

    @property
    def possible(self) -> bool:
        """Whether a step can be put on a tape."""
        engine = self._engine
        return (
            (engine.link.size == 1 or engine.link.together)
            and vars(type(engine.integrator)).get("marches", False)  # of its own: who derives from it may do more
            and all(stage.marches and len(stage.refresh) <= MOST_COLUMNS for stage in engine.stages)
            and engine.state.meeting is None
            and engine.neighbors.cutoff > 0
            and engine.integrator is not self._unfit
            and len(engine.largest_sums) <= MOST_SUMS
        )

    def share(self) -> int:
        """How many threads should share the list that comes; 0 where steps do not march."""
        self._sharing.end_list()
        return self._sharing.threads if self.possible else 0

    def ready(self, step: int, half_done: bool, failed: bool, sums: Sums) -> bool:
        """Whether all ranks can take steps from this one on, of which the first may be half done: nothing has failed,
        neither forces with these sums nor densities ask for another quantum, and there are tapes and threads."""
        engine = self._engine
        link, room = engine.link, engine.domain.longest_message * MOST_ROWS
        own = [float(failed), sums.least_force, sums.most_force, float(room), *engine.largest_sums]
        failures, least, most, largest, *added = link.maximum(np.array(own)).tolist()
        if 8 * largest * engine.domain.messages * link.size > MOST_SHARED:
            return False
        if failures or not (half_done or self._decided(least, most, added)):
            return False
        obstacle = link.most(self._obstacle(step, int(largest)))
        if obstacle == UNMARCHABLE:
            self._unfit = engine.integrator
        return obstacle == 0

    def _decided(self, least: float, most: float, added: Sequence[float]) -> bool:
        """Whether forces between these two, and sums of which these are the largest numbers, ask for no new quantum."""
        quanta = self._engine.state.quanta
        sums = zip(quanta.sums, added, strict=True)
        return FORCES.decided(quanta.force, least, most, look=True) and all(
            SUMS.decided(quantum, largest, largest, look=True) for quantum, largest in sums
        )

    def _obstacle(self, step: int, room: int) -> int:
        """What keeps this rank from a march with its lists, if no message is longer than room; 0 for nothing."""
        engine, link = self._engine, self._engine.link
        board = link.board(room * engine.domain.messages) if link.size > 1 else None
        circumstances = engine.neighbors.pairs.builds, engine.state.quanta, engine.integrator, board, room
        if circumstances != self._taped_for:
            try:
                self._put_on_tape(step, board, room)
            except UnmarchableError:
                self._taped_for = None
                return UNMARCHABLE
            self._taped_for = circumstances
            engine.clock.lap("neighbors")  # as all that comes with new lists
        helpers = len(self._players) - 1
        return WITHOUT_THREADS if engine.team.muster(helpers) < helpers else 0  # a system may have a limit

    def go(self, most: int, step: int, half_done: bool) -> tuple[int, int]:
        """Take up to so many steps from this one on, of which the first may be half done, for which all ranks are
        ready; return how many were taken to their end, and where the one after them was left."""
        engine, link = self._engine, self._engine.link
        begun = perf_counter()
        self._cycles[:] = self._sync[:] = self._waits[:] = 0
        shared = self._sync, self._results, self._cycles, self._waits, link.rank, link.size, self._board
        calls = [
            (t, len(self._players), most, half_done * middle, *player.at(step), *shared)
            for t, (player, middle) in enumerate(zip(self._players, self._tape.middles, strict=True))
        ]
        rounds, code = engine.team.together(play, calls)
        self._book(perf_counter() - begun, rounds, code, half_done)
        return rounds, code

    def _book(self, spent: float, rounds: int, code: int, half_done: bool) -> None:
        """Where the seconds of a march have gone, and what was sent in it."""
        clock, link, threads = self._engine.clock, self._engine.link, len(self._players)
        met = int(self._waits[1])  # of the first thread
        cycles = max(int(self._cycles.sum()), 1)  # of a march that ends at once, no measure
        missed = spent * met / (cycles + met)
        for phase, part in zip(self._tape.phases, self._cycles.tolist(), strict=True):
            clock.seconds[phase] += (spent - missed) * part / cycles
        clock.seconds["waiting"] += missed
        link.waited += missed
        begun, forced = rounds + (code in (FORCED, DONE)), rounds + (code == DONE)
        for times, sizes in zip((begun - half_done, begun, forced), self._sent, strict=True):
            link.messages += times * len(sizes)
            link.bytes += times * sum(sizes)
        self._engine.work += spent - missed
        clock.start()
        if threads > 1:
            waits = self._waits[::LINE]
            self._sharing.note(int(waits.max()), cycles)
            clock.marched += spent * threads
            clock.idle += spent * min(float(waits.sum()) / cycles, threads)

    def largest_sums(self) -> list[float]:
        """The largest numbers that neighbours added, of the last forces."""
        values = self._results.reshape(-1, len(self._players), LINE)
        count = len(self._engine.largest_sums)  # of which a rank without particles has none
        return [number_of(values[self._summed[k], :, 0].max()) if k in self._summed else 0.0 for k in range(count)]

    def largest(self, code: int) -> list[float]:
        """What the guard with this code saw last: the largest components of velocities, or of moves without any, in the
        order in which they were found, or the square of a bound of the largest force."""
        values = self._results.reshape(-1, len(self._players), LINE)[self._seen[code], :, 0]
        return [number_of(largest) for largest in values.max(axis=1, initial=0)]

    def _put_on_tape(self, step: int, board: Board | None, room: int) -> None:
        noted = self._note(step, board, room)
        if self._layout != noted.tape.layout:
            self._layout, self._advances = noted.tape.layout, self._what_advances(noted.tape, step, board, room)
        self._board = np.zeros(0, np.int64) if board is None else board.common
        self._tape, self._seen, self._summed = noted.tape, noted.results, noted.sums
        words = noted.tape.words()
        self._players = [
            _Player(noted.tape.table(thread, words[thread]), words[thread], words[thread].copy(), advance, step)
            for thread, advance in enumerate(self._advances)
        ]
        self._results = np.zeros(LINE * noted.tape.threads * noted.tape.results, np.int64)
        self._cycles = np.zeros(len(noted.tape.phases), np.int64)
        self._waits = np.zeros(LINE * noted.tape.threads, np.int64)

    def _what_advances(self, tape: Tape, step: int, board: Board | None, room: int) -> list[Integers]:
        """For each thread, the words of this tape that depend on the step, and by how much they grow with it."""
        engine = self._engine
        stepped = engine.state.numbers.size > 0 or any(stage.stepped for stage in engine.stages)
        if engine.integrator.seed is None and not stepped:
            return [np.zeros((0, 2), np.int64)] * tape.threads
        later = self._note(step + 1, board, room).tape
        advances = []
        for now, then, given in zip(tape.words(), later.words(), tape.numbers, strict=True):
            numbers = np.array(given, np.int64)
            change = then[numbers] - now[numbers]
            advances.append(np.column_stack([numbers[change != 0], change[change != 0]]))
        return advances

    def _note(self, step: int, board: Board | None, room: int) -> Noted:
        """Go through a step while the team notes it down; nothing is done, and nothing changes."""
        engine, state, team = self._engine, self._engine.state, self._engine.team
        before = state.step, state.fastest, engine.domain.post
        sent: list[int] = []
        noted = Noted(max(1, len(engine.slots.parts)), self._tape, engine.link.size)
        state.step, team.recorder = step, noted
        if board is not None:
            engine.domain.post = BoardPost(board, room, noted.meet, sent)
        try:
            engine.integrator.first_half(state, team)
            engine.domain.check_reach(state)
            engine.neighbors.moved_too_far(state)
            engine.neighbors.strayed(state)
            bounds = {SPEED: self._speeds(), LEAP: (0, bits_of(state.stride)), MOVE: self._moves(), BEYOND: (0, 0)}
            noted.guard(HALF, bounds | {STRAY: (0, ANYTHING)})
            noted.tape.lap("integrate")
            engine.note_velocities()
            state.step += 1
            engine.ahead.take(state)
            engine.domain.refresh(state, engine.refreshed)
            noted.tape.lap("halo")
            engine.neighbors.follow(state)
            if engine.neighbors.prunes:
                with noted.where(STRAY, HALF, above=bits_of(0.25 * engine.neighbors.inner**2)):
                    engine.neighbors.prune(state, engine.slots.runs)
            noted.tape.lap("neighbors")
            middle, met = len(sent), True
            noted.middle()
            engine.slots.begin()
            for stage in engine.stages:
                noted.sum = stage.sum
                stage.compute(state, engine.neighbors.pairs, None)
                met = met or stage.fold is not None
                if stage.refresh and not met and board is not None:
                    noted.meet()  # else a message could be written that another rank still reads
                if stage.fold or stage.refresh:
                    engine.exchange(stage)
                    met = not stage.refresh
            noted.guard(FORCED, {FORCE: self._forces(), ENERGY: (0, bits_of(LARGEST_NUMBER)), **self._sums()})
            noted.tape.lap("pair")
            forced = len(sent)
            engine.domain.fold(state)
            noted.tape.lap("halo")
            engine.integrator.second_half(state, team)
            if engine.integrator.coupled:
                meet = (lambda: None) if board is None else noted.meet
                with engine.world.met_by(meet, None if board is None else board.particles):
                    engine.couple()
            self._sent = sent[:middle], sent[middle:forced], sent[forced:]
            noted.guard(DONE, {SPEED: self._speeds()})
            noted.tape.lap("integrate")
        finally:
            team.recorder = None
            state.step, state.fastest, engine.domain.post = before
            engine.slots.begin()
        return noted

    # Within which bounds there is nothing to decide, not even at a step of a look

    def _speeds(self) -> tuple[int, int]:
        state, dt = self._engine.state, self._engine.integrator.dt
        limit = SPEEDS.limit(state.quanta.velocity)
        return bits_of(limit / LOOSE), bits_of(min(limit / AMPLE, 0.99 * state.stride / dt))

    def _moves(self) -> tuple[int, int]:
        return 0, bits_of(0.25 * self._engine.neighbors.skin**2)

    def _sums(self) -> dict[str, tuple[int, int]]:
        limits = map(SUMS.limit, self._engine.state.quanta.sums)
        return {sum_of(k): (bits_of(limit / LOOSE), bits_of(limit / AMPLE)) for k, limit in enumerate(limits)}

    def _forces(self) -> tuple[int, int]:
        """Of the square of a bound of the largest one."""
        limit = FORCES.limit(self._engine.state.quanta.force)
        return bits_of((SPREAD * limit / LOOSE) ** 2), bits_of((limit / AMPLE) ** 2)


@dataclass(frozen=True)
class _Player:
    """What a thread plays: its table, the blocks that it is about, and the words in these that advance."""

    table: Integers
    words: Integers
    begun: Integers
    advance: Integers
    step: int

    def at(self, step: int) -> tuple[Integers, Integers, Integers]:
        """Table, words and their advance, as they are before this step."""
        moving, amount = self.advance.T
        self.words[moving] = self.begun[moving] + amount * (step - self.step)
        return self.table, self.words, self.advance
