"""How particles move: one file a family, each with a first and a second half of a step.

KINDS is the one table of those that an input file can name and a checkpoint can make again, from the arguments of their
constructors. A flow has a function, so it is not among them.
"""

from motes.integrators.brownian import Brownian
from motes.integrators.bussi import Bussi
from motes.integrators.flow import Flow
from motes.integrators.langevin import Langevin
from motes.integrators.motion import Integrator
from motes.integrators.verlet import VelocityVerlet

__all__ = ["KINDS", "Brownian", "Bussi", "Flow", "Integrator", "Langevin", "VelocityVerlet"]

KINDS: dict[str, type[Integrator]] = {
    "velocity-verlet": VelocityVerlet,
    "langevin": Langevin,
    "brownian": Brownian,
    "bussi": Bussi,
}
