"""What particles feel: energies written by users, traced, differentiated and compiled.

LAWS is the one table of the kinds there are.
"""

from collections.abc import Iterable, Sequence

from motes.forces.angle import Angle
from motes.forces.bond import Bond
from motes.forces.embedded import Embedded
from motes.forces.field import Field
from motes.forces.law import BoundInteraction, Interaction, Plan
from motes.forces.pair import BoundPair, Pair
from motes.forces.pair_force import PairForce
from motes.formulas.bind import Names

__all__ = [
    "LAWS",
    "Angle",
    "Bond",
    "BoundInteraction",
    "BoundPair",
    "Embedded",
    "Field",
    "Interaction",
    "Pair",
    "PairForce",
    "Plan",
    "energies_of_pairs",
    "plans_of",
    "portions_of",
]

LAWS: tuple[type[Interaction], ...] = (Pair, PairForce, Embedded, Bond, Angle, Field)


def plans_of(bound: Sequence[BoundInteraction], names: Names) -> tuple[Plan, ...]:
    """What ranks must know of these interactions, those of one kind together."""
    kinds: dict[type[BoundInteraction], None] = dict.fromkeys(type(one) for one in bound)
    return tuple(kind.plan([one for one in bound if type(one) is kind], names) for kind in kinds)


def portions_of(bound: Sequence[BoundInteraction], names: Names, only: int | None = None) -> tuple[Plan, ...]:
    """What says what each particle has of the energy and virial of these interactions, or of one by its number."""
    plans = []
    for kind in dict.fromkeys(type(one) for one in bound):
        numbers = [number for number, one in enumerate(bound) if type(one) is kind]
        if only is None or only in numbers:
            which = None if only is None else numbers.index(only)
            plans.append(kind.portions([bound[number] for number in numbers], names, which))
    return tuple(plans)


def energies_of_pairs(bound: Iterable[BoundInteraction]) -> list[BoundPair]:
    """Those of which two particles have an energy that depends on their distance alone, and ends at a cutoff."""
    return [one for one in bound if isinstance(one, BoundPair)]
