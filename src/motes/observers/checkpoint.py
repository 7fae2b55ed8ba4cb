"""Checkpoint: now and then, all that is needed to go on later, on the disk."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

from motes.core.checks import Count, Positive, number, whole_number
from motes.core.errors import InputError
from motes.core.words import known_keywords
from motes.observers.memory import count_in, number_in, path_from, path_in
from motes.observers.output import Hold, check_folder, hold_folder, opening, output_path, refuse_other_format, writing
from motes.observers.roster import Frame, Observer
from motes.storage.folder import remove, remove_old, remove_unfinished, steps_in


class Checkpoint(Observer):
    """A folder with a checkpoint of every step it is shown: path/step-1000, path/step-2000 and so on.

    `motes.resume(path)`, or `motes resume path`, goes on from the last one, on any number of ranks and threads, and
    ends with the same bits as a run that was never stopped. A run that is stopped by Ctrl-C or a signal, or fails,
    writes one as well.

    Args:
        path: of the folder.
        keep: how many checkpoints stay; the older ones are removed.
        minutes: write only if so many minutes have passed since the last time; the interval given to
            `Simulation.every` then says how often the clock is looked at. With infinity one is written only when the
            run is stopped.
        overwrite: remove the checkpoints that an earlier run left in the folder.

    Raises InputError, before anything runs, if the folder has checkpoints and `overwrite` is not asked for, or another
    run writes to it; RunError if the disk refuses (the checkpoints before stay good).
    """

    shown_last: ClassVar[bool] = True

    @known_keywords
    def __init__(
        self, path: str | Path, keep: Count = 2, minutes: Positive | None = None, overwrite: bool = False
    ) -> None:
        refuse_other_format(path, (".ckpt",), "a checkpoint is a folder")
        self.path = output_path(path)
        self.keep = whole_number("keep", keep, minimum=1)
        self.minutes = minutes if isinstance(minutes, float) and minutes == math.inf else _minutes(minutes)
        self.overwrite = overwrite
        self._goes_on = False
        self._hold: Hold | None = None
        self._written = time.monotonic()
        self._steps: set[int] = set()

    def check(self) -> None:
        """Refuse checkpoints that are there already: going on with that run is likely what is meant."""
        self.check_place()
        if not (self.overwrite or self._goes_on):
            _refuse_checkpoints(self.path)

    def check_place(self) -> None:
        """Refuse a path that can be no folder, unless there may never be a checkpoint."""
        if self.minutes == math.inf:
            return
        if self.path.exists() and not self.path.is_dir():
            raise InputError(f"{self.path} is no folder: checkpoints need one of their own")
        check_folder(self.path)

    def go_on_from(self, other: Checkpoint) -> None:
        """Those that it wrote are of this run."""
        self._goes_on, self._hold, self._written, self._steps = (
            other._goes_on,
            other._hold,
            other._written,
            other._steps,
        )

    def start(self, frame: Frame) -> None:
        """Make the folder, and clear away what does not belong to this run."""
        self._written = time.monotonic()
        if self.minutes == math.inf and not (self.overwrite or self._goes_on):
            return  # there may never be one
        self._take_hold()
        with writing(self.path, frame.step):
            for step in steps_in(self.path):
                if step > frame.step:  # it goes on from an earlier one, and so do its outputs: later ones fit no more
                    remove(self.path, step)
        self._steps = set(steps_in(self.path))  # of this very run, so none needs to be written again

    def __call__(self, frame: Frame) -> None:
        """Write a checkpoint, if it is time."""
        if self.minutes is None or time.monotonic() - self._written >= 60 * self.minutes:
            self.write(frame)

    def write(self, frame: Frame) -> None:
        """Write a checkpoint now, unless this step has one."""
        if self._hold is None:
            self._take_hold()
        if frame.step not in self._steps:
            frame.save(self.path)
            self._steps.add(frame.step)
        with writing(self.path, frame.step):
            remove_old(self.path, self.keep)
        self._written = time.monotonic()

    def forget(self) -> None:
        """Whatever has been saved is of other particles: a step that is there is to be written again."""
        self._steps.clear()

    def finish(self) -> None:
        """Let others write there."""
        held, self._hold = self._hold, None
        if held is not None:
            held.release()

    def remember(self, beside: Path) -> dict[str, Any]:
        """How to go on writing checkpoints."""
        minutes = None if self.minutes is None else float(self.minutes).hex()
        return {"kind": "checkpoint", "path": path_from(beside, self.path), "keep": self.keep, "minutes": minutes}

    @classmethod
    def from_memory(cls, memory: Mapping[str, Any], beside: Path) -> Checkpoint:
        """One that goes on in the same folder."""
        minutes = None if memory.get("minutes") is None else number_in(memory, "minutes")
        checkpoint = cls(path_in(memory, beside), max(1, count_in(memory, "keep")), minutes, overwrite=True)
        checkpoint.overwrite, checkpoint._goes_on = False, True
        return checkpoint

    def _take_hold(self) -> None:
        if self.path.exists() and not self.path.is_dir():
            raise InputError(f"{self.path} is no folder: checkpoints need one of their own")
        with opening(self.path):
            self.path.mkdir(exist_ok=True)
            self._hold = hold_folder(self.path)
            remove_unfinished(self.path)
            for step in steps_in(self.path) if self.overwrite else []:
                remove(self.path, step)
        if not self._goes_on:
            _refuse_checkpoints(self.path)
        self._goes_on, self.overwrite = True, False  # from now on what is there is our own


def _minutes(minutes: float | None) -> float | None:
    return None if minutes is None else number("minutes", minutes, above=0.0)


def _refuse_checkpoints(path: Path) -> None:
    if steps_in(path):
        raise InputError(
            f"{path} has checkpoints of an earlier run: go on with that (motes resume {path}, or in a script "
            f"motes.resume({str(path)!r}, interactions=[...])), or begin anew with overwrite=True (--overwrite for an "
            "input file), or choose another path"
        )
