"""Changes of a simulation between two steps, which are either there on all ranks afterwards, or nowhere."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from motes.core.errors import InputError, MotesWarning, RunError
from motes.core.interrupts import held_interrupts
from motes.engine.marks import forget_mark, mark, return_to_mark
from motes.simulation.beginning import begin
from motes.simulation.course import Course
from motes.simulation.minimize import INTERRUPTED


@contextmanager
def all_or_nothing(course: Course) -> Iterator[None]:
    """If what is done in the block does not fit, all is as it was before it. Other engines may be built in it. Signals
    are obeyed at its end."""
    parts, refusal, engine = course.parts, course.refusal, course.parts.engine
    with held_interrupts():
        engine.call(mark)
        try:
            yield
        except (InputError, RunError, MotesWarning):  # a warning, where someone has made it an error
            if course.parts.engine is engine:
                engine.call(return_to_mark)
            course.take(parts)
            course.refusal = refusal
            raise
        finally:
            engine.call(forget_mark)
        course.forget_moments()


def begin_again(course: Course) -> None:
    """The first forces after a change, with the quanta in force, if they still fit. Particles that are amid a
    minimization stay so."""
    refusal = begin(course.parts, anew=False)
    course.refusal = INTERRUPTED if course.refusal == INTERRUPTED else refusal
