"""What a law says by its formula alone is what its kernels compute."""

from __future__ import annotations

from typing import Any

import law_systems as laws
import numpy as np
import pytest

from motes.engine import queries


@pytest.mark.parametrize("name", laws.SYSTEMS)
def test_the_force_on_a_particle_by_numpy(name: str) -> None:
    sim = laws.simulation(name)
    sim.run(7)
    reporter: Any = sim._reporter
    for row in (0, 5, len(sim) // 2, len(sim) - 1):
        found = reporter._columns(sim._engine.ask(queries.find, [int(sim.ids[row])]))
        particle = {word: values[0] for word, values in found.items()}
        felt = reporter._forces_on(particle, reporter._around(particle), sim.step)
        assert len(felt) == len(sim.interactions)
        np.testing.assert_allclose(sum(felt.values()), sim.forces[row], rtol=1e-6, atol=1e-6)
