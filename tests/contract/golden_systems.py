"""Ten small systems whose fingerprints are kept in golden.json: what a run gives today it gives for ever, everywhere.

Nothing in their starts depends on the machine: no random numbers of NumPy, no function of the mathematical library.

`python tests/contract/golden_systems.py` prints what belongs into golden.json. A change that is meant to change bits
writes it anew, in the same commit, and says so in the changelog:

    python tests/contract/golden_systems.py > golden.json && mv golden.json tests/contract/

With --details it prints the energies as well. It runs on any number of ranks.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable
from typing import Any

import numpy as np
from numba import njit

import motes

STEPS = 200


def lennard_jones(r: Any, epsilon: Any, sigma: Any) -> Any:
    return 4 * epsilon * ((sigma / r) ** 12 - (sigma / r) ** 6)


def bump(r: Any, height: Any, cutoff: Any) -> Any:
    """Soft discs and spheres."""
    return height * (1 - (r / cutoff) ** 2) ** 3


def spread(count: int, number: float = 0.6180339887498949) -> Any:
    """Numbers in [0, 1), evenly spread without a pattern, of which each is one multiplication and one remainder."""
    return np.arange(1, count + 1) * number % 1.0


def scattered(count: int, box: motes.Box) -> Any:
    """Positions evenly spread over a box (a Kronecker sequence)."""
    numbers = (0.8191725133961645, 0.6710436067037893, 0.5497004779019703)[: box.dimensions]
    return np.stack([spread(count, number) for number in numbers], axis=1) * box.lengths + box.origin


def liquid(cells: int = 4, edge: float = 1.6875, temperature: float = 1.5, **options: Any) -> motes.Particles:
    """A face-centred cubic crystal, too hot to stay one."""
    corners = np.stack(np.meshgrid(*[np.arange(cells)] * 3, indexing="ij"), axis=-1).reshape(-1, 1, 3)
    positions = corners + np.array([[0, 0, 0], [0, 0.5, 0.5], [0.5, 0, 0.5], [0.5, 0.5, 0]]) + 0.125
    return moving(
        motes.Particles(positions.reshape(-1, 3) * edge, motes.Box([cells * edge] * 3), **options), temperature
    )


def moving(particles: motes.Particles, temperature: float) -> motes.Particles:
    particles.thermalize(temperature, seed=11)
    return particles


LENNARD_JONES = motes.Pair(lennard_jones, 2.5, epsilon=1.0, sigma=1.0)


def melt(**how: Any) -> motes.Simulation:
    """A melting crystal."""
    return motes.Simulation(liquid(), motes.VelocityVerlet(0.005), [LENNARD_JONES], **how)


def mixture(**how: Any) -> motes.Simulation:
    """Two types with tables of parameters and masses of their own, ids that do not follow the positions."""
    big = spread(256) < 0.75
    particles = liquid(
        mass=np.where(big, 1.75, 1.0), types=np.where(big, "big", "small"), ids=(np.arange(256) * 37 % 256) * 7 + 3
    )
    pair = motes.Pair(
        lennard_jones, cutoff=[[2.5, 2.0], [2.0, 1.75]], shift="energy",
        epsilon={("big", "big"): 1.0, ("big", "small"): 1.5, ("small", "small"): 0.5},
        sigma={("big", "big"): 1.0, ("big", "small"): 0.875, ("small", "small"): 0.8},
    )  # fmt: skip
    return motes.Simulation(particles, motes.VelocityVerlet(0.004), [pair], **how)


def open_plane(**how: Any) -> motes.Simulation:
    """Discs in two dimensions that leave the box on two sides and meet walls on the others; far from zero."""
    box = motes.Box([12.0, 9.0], ["open", "reflecting"], origin=[-30.0, 200.0])
    particles = moving(motes.Particles(scattered(250, box), box), 1.0)
    return motes.Simulation(particles, motes.VelocityVerlet(0.01), [motes.Pair(bump, 1.125, height=5.0)], **how)


def slab(**how: Any) -> motes.Simulation:
    """A periodic edge shorter than the cutoff, so that particles meet images of themselves, and walls."""
    box = motes.Box([8.0, 7.0, 1.25], ["periodic", "reflecting", "periodic"], origin=[-4.5, -4.0, 0.0])
    particles = moving(motes.Particles(scattered(240, box), box), 1.0)
    return motes.Simulation(particles, motes.VelocityVerlet(0.01), [motes.Pair(bump, 1.5, height=1.5)], **how)


def langevin(**how: Any) -> motes.Simulation:
    """The melt in a bath."""
    bath = motes.Langevin(0.005, temperature=1.0, friction=0.7, seed=5)
    return motes.Simulation(liquid(), bath, [LENNARD_JONES], **how)


def brownian(**how: Any) -> motes.Simulation:
    """Soft spheres that diffuse, many times across the borders of regions."""
    box = motes.Box([6.0, 5.0, 4.0], ["periodic", "periodic", "reflecting"])
    bath = motes.Brownian(0.002, temperature=1.0, friction=1.0, seed=6)
    particles = motes.Particles(scattered(240, box), box)
    return motes.Simulation(particles, bath, [motes.Pair(bump, 1.5, height=1.5)], **how)


def field(**how: Any) -> motes.Simulation:
    """A liquid between two soft walls, in a travelling wave that turns charges of both signs around."""
    particles = liquid(charge=np.where(spread(256) < 0.5, 1.0, -0.5))
    edge = float(particles.box.lengths[0])
    wave = motes.Field(lambda x, t, charge, k: charge * np.cos(k * x - 3 * t), k=6.283185307179586 / edge)
    walls = motes.Field(lambda z, edge: 2 * np.exp(-3 * z) + 2 * np.exp(3 * (z - edge)), edge=edge)
    return motes.Simulation(particles, motes.VelocityVerlet(0.005), [LENNARD_JONES, wave, walls], **how)


def flow(**how: Any) -> motes.Simulation:
    """Particles that never meet, in a velocity that depends on position, time, type and an attribute."""
    box = motes.Box([3.0, 4.0, 5.0], ["periodic", "reflecting", "open"], origin=[-1.0, 2.0, -2.0])
    particles = motes.Particles(scattered(300, box), box, types=np.arange(300) % 2, speed=4 * spread(300) - 2)

    def stirred(x: Any, y: Any, z: Any, t: Any, speed: Any, rate: Any) -> Any:
        return speed * np.sin(rate * y + t), np.cos(x - t) * np.exp(-z * z / 9), 0.25 * np.tanh(x - 2 * y)

    method = motes.Flow(stirred, dt=0.01, method="rk4", rate={0: 1.0, 1: 2.0})
    return motes.Simulation(particles, method, **{name: how[name] for name in how if name != "skin"})


def exponential(**how: Any) -> motes.Simulation:
    """A potential of exponentials (Morse)."""
    morse = motes.Pair(
        lambda r, depth, a, r0: depth * ((1 - np.exp(-a * (r - r0))) ** 2 - 1), 2.5, depth=1.0, a=5.0, r0=1.125
    )
    return motes.Simulation(liquid(), motes.VelocityVerlet(0.005), [morse], **how)


def attributes(**how: Any) -> motes.Simulation:
    """Every particle with a size and a charge of its own, mixed by two rules: screened charges of both signs."""
    number = spread(256)
    particles = liquid(size=0.875 + 0.125 * number, charge=np.where(number < 0.5, 1.0, -1.0))
    pair = motes.Pair(
        lambda r, sigma, qq, kappa: (sigma / r) ** 12 + qq * np.exp(-kappa * r) / r, 2.5, shift="force", kappa=1.25,
        sigma=motes.mix("size", "arithmetic"), qq=motes.mix("charge", lambda one, other: one * other),
    )  # fmt: skip
    return motes.Simulation(particles, motes.VelocityVerlet(0.004), [pair], **how)


SYSTEMS: dict[str, Callable[..., motes.Simulation]] = {
    make.__name__: make
    for make in (melt, mixture, open_plane, slab, langevin, brownian, field, flow, exponential, attributes)
}


def outcome(name: str, **how: Any) -> dict[str, Any]:
    """A system after STEPS steps: its fingerprint and its energies, which are functions of the same bits."""
    simulation = SYSTEMS[name](**how)
    simulation.run(STEPS)
    return {
        "fingerprint": simulation.fingerprint,
        "energies": [simulation.potential_energy.hex(), simulation.kinetic_energy.hex(), simulation.virial.hex()],
    }


def instructions() -> dict[str, int]:
    """How often some instructions occur in a loop over pairs, compiled anew for this processor."""
    module = next(m for n, m in sys.modules.items() if n.startswith("motes_generated_") and hasattr(m, "both"))
    loop = njit(nogil=True, error_model="numpy")(module.force.py_func)
    loop.compile(module.force.signatures[0])
    (text,) = loop.inspect_asm().values()
    return {word: text.count(word) for word in ("zmm", "ymm", "xmm", "vfmadd", "fma")}


def main() -> None:
    parser = argparse.ArgumentParser(description="Print the fingerprints of the golden systems.")
    parser.add_argument("systems", nargs="*", default=list(SYSTEMS), help="their names; without, all")
    parser.add_argument("--details", action="store_true", help="also energies")
    parser.add_argument("--instructions", action="store_true", help="also what the machine code looks like")
    arguments = parser.parse_args()
    outcomes = {name: outcome(name, threads=1) for name in arguments.systems}
    if not arguments.details:
        print(json.dumps({name: found["fingerprint"] for name, found in outcomes.items()}, indent=2))
        return
    found = instructions() if arguments.instructions else {}
    print(json.dumps({"outcomes": outcomes, "instructions": found}))


if __name__ == "__main__":
    main()
