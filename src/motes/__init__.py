"""Particles in parallel: write what one feels from another as a function, run it on every core, with the same bits.

Names are imported when they are first used (PEP 562), so that the command line answers at once.
"""

from importlib import import_module
from typing import TYPE_CHECKING

from motes.ranks.launch import join

join()

if TYPE_CHECKING:
    from motes.core.box import Box as Box
    from motes.core.errors import InputError as InputError
    from motes.core.errors import MotesWarning as MotesWarning
    from motes.core.errors import RunError as RunError
    from motes.core.schedules import Ramp as Ramp
    from motes.core.schedules import Schedule as Schedule
    from motes.forces import potentials as potentials
    from motes.forces.angle import Angle as Angle
    from motes.forces.bond import Bond as Bond
    from motes.forces.embedded import Embedded as Embedded
    from motes.forces.field import Field as Field
    from motes.forces.pair import Pair as Pair
    from motes.forces.pair_force import PairForce as PairForce
    from motes.forces.parameters import mix as mix
    from motes.formulas.elementwise import elementwise as elementwise
    from motes.formulas.table import Table as Table
    from motes.formulas.trace import erf as erf
    from motes.formulas.trace import erfc as erfc
    from motes.integrators import Brownian as Brownian
    from motes.integrators import Bussi as Bussi
    from motes.integrators import Flow as Flow
    from motes.integrators import Langevin as Langevin
    from motes.integrators import VelocityVerlet as VelocityVerlet
    from motes.observers import Average as Average
    from motes.observers import Checkpoint as Checkpoint
    from motes.observers import Msd as Msd
    from motes.observers import Profile as Profile
    from motes.observers import Rdf as Rdf
    from motes.observers import StructureFactor as StructureFactor
    from motes.observers import Thermo as Thermo
    from motes.observers import Trajectory as Trajectory
    from motes.particles.builders import fcc as fcc
    from motes.particles.builders import random as random
    from motes.particles.particles import Particles as Particles
    from motes.particles.readers import read as read
    from motes.simulation.resume import resume as resume
    from motes.simulation.simulation import Simulation as Simulation
    from motes.sweeps import sweep as sweep

    __version__: str

_HOMES = {
    name: home
    for home, names in {
        "motes.core.box": "Box",
        "motes.core.errors": "InputError MotesWarning RunError",
        "motes.core.schedules": "Ramp Schedule",
        "motes.forces": "potentials",
        "motes.forces.angle": "Angle",
        "motes.forces.bond": "Bond",
        "motes.forces.embedded": "Embedded",
        "motes.forces.field": "Field",
        "motes.forces.pair": "Pair",
        "motes.forces.pair_force": "PairForce",
        "motes.forces.parameters": "mix",
        "motes.formulas.elementwise": "elementwise",
        "motes.formulas.table": "Table",
        "motes.formulas.trace": "erf erfc",
        "motes.integrators": "Brownian Bussi Flow Langevin VelocityVerlet",
        "motes.observers": "Average Checkpoint Msd Profile Rdf StructureFactor Thermo Trajectory",
        "motes.particles.builders": "fcc random",
        "motes.particles.particles": "Particles",
        "motes.particles.readers": "read",
        "motes.simulation.resume": "resume",
        "motes.simulation.simulation": "Simulation",
        "motes.sweeps": "sweep",
    }.items()
    for name in names.split()
}

__all__ = sorted(_HOMES)  # noqa: PLE0605  # a list of strings, made from the one table above


def __getattr__(name: str) -> object:
    if name == "__version__":
        from importlib.metadata import version  # which takes longer to import than all of this

        return version("motes")
    if name not in _HOMES:
        from motes.core.words import did_you_mean

        raise AttributeError(f"module 'motes' has no attribute {name!r}; {did_you_mean(name, __all__)}")
    home = import_module(_HOMES[name])
    if name == "potentials":
        return import_module("motes.forces.potentials")
    return getattr(home, name)


def __dir__() -> list[str]:
    return __all__
