"""How particles move: one file a family, each with a first and a second half of a step."""

from motes.integrators.brownian import Brownian
from motes.integrators.bussi import Bussi
from motes.integrators.flow import Flow
from motes.integrators.langevin import Langevin
from motes.integrators.motion import Integrator
from motes.integrators.verlet import VelocityVerlet

__all__ = ["Brownian", "Bussi", "Flow", "Integrator", "Langevin", "VelocityVerlet"]
