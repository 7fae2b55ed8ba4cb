"""What integrators with a heat bath share: its temperature, its friction, and the seed of its noise."""

from __future__ import annotations

from motes.integrators.motion import Integrator, positive
from motes.noise import check_seed
from motes.words import known_keywords


class HeatBath(Integrator):
    """Particles that a medium slows down and kicks about; each subclass says how."""

    @known_keywords
    def __init__(self, dt: float, temperature: float, friction: float, seed: int) -> None:
        self.dt = positive("dt", dt)
        self.temperature = positive("temperature", temperature)
        self.friction = positive("friction", friction)
        self.seed = check_seed(seed)

    def __repr__(self) -> str:
        return (
            f"{type(self).__name__}(dt={self.dt}, temperature={self.temperature}, friction={self.friction}, "
            f"seed={self.seed})"
        )
