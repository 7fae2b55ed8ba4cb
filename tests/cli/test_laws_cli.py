"""Every kind of interaction in an input file: run, checked, stopped and gone on with."""

from __future__ import annotations

import numpy as np
import pytest

import motes as library

CHAINS = """chains

12 atoms
1 atom types
9 bonds
2 bond types
6 angles
1 angle types

0 8 xlo xhi
0 8 ylo yhi
0 8 zlo zhi

Masses

1 1.0

Atoms # molecular

{atoms}

Bonds

{bonds}

Angles

{angles}
"""

INPUT = """
[particles]
read = "chains.data"
temperature = 0.5
seed = 1
[[interactions]]
kind = "pair"
name = "lennard-jones"
cutoff = 2.5
special_bonds = [0, 0, 0.5]
epsilon = 1.0
sigma = 1.0
[[interactions]]
kind = "bond"
energy = "k*(r - a)**2"
k = {1 = 100.0, 2 = 60.0}
a = 1.0
[[interactions]]
kind = "angle"
function = "angles.py:bend"
k = 3.0
[[interactions]]
kind = "pair-force"
force = "-gamma*(1 - r/cutoff)*v + 0.1*noise"
cutoff = 1.5
gamma = {"1-1" = 0.5}
seed = 3
[[interactions]]
kind = "embedded"
density = "exp(-a*r)"
energy = "-c*sqrt(rho)"
cutoff = 2.0
a = 1.0
c = {1 = 0.5}
[integrator]
kind = "velocity-verlet"
dt = 0.004
[run]
steps = 60
[thermo]
every = 20
"""


@pytest.fixture
def chains(folder):
    rows = [(n * 4 + k + 1, n + 1, 1.0 + k, 2.0 + 2 * n, 4.0) for n in range(3) for k in range(4)]
    bonds = [(n * 4 + k + 1, n * 4 + k + 2) for n in range(3) for k in range(3)]
    angles = [(n * 4 + k + 1, n * 4 + k + 2, n * 4 + k + 3) for n in range(3) for k in range(2)]
    text = CHAINS.format(
        atoms="\n".join(f"{one} {molecule} 1 {x} {y} {z}" for one, molecule, x, y, z in rows),
        bonds="\n".join(f"{n} {1 + n % 2} {i} {j}" for n, (i, j) in enumerate(bonds, 1)),
        angles="\n".join(f"{n} 1 {i} {j} {k}" for n, (i, j, k) in enumerate(angles, 1)),
    )
    (folder / "chains.data").write_text(text)
    (folder / "angles.py").write_text(
        "import numpy as np\n\n\ndef bend(theta, k):\n    return k * (1 + np.cos(theta))\n"
    )
    (folder / "chains.toml").write_text(INPUT)
    return folder


def laws():
    return [
        library.Pair(library.potentials.lennard_jones, 2.5, special_bonds=(0, 0, 0.5), epsilon=1.0, sigma=1.0),
        library.Bond(lambda r, k, a: k * (r - a) ** 2, k={1: 100.0, 2: 60.0}, a=1.0),
        library.Angle(lambda theta, k: k * (1 + np.cos(theta)), k=3.0),
        library.PairForce(
            lambda r, v, noise, gamma, cutoff: -gamma * (1 - r / cutoff) * v + 0.1 * noise, 1.5, seed=3, gamma=0.5
        ),
        library.Embedded(lambda r, a: np.exp(-a * r), lambda rho, c: -c * np.sqrt(rho), 2.0, a=1.0, c=0.5),
    ]


@pytest.mark.usefixtures("chains")
def test_the_file_says_what_the_script_says(motes):
    result = motes("run", "chains.toml")
    assert result.exit_code == 0, result.stderr
    shown = result.stdout
    particles = library.read("chains.data")
    particles.thermalize(0.5, seed=1)
    sim = library.Simulation(particles, library.VelocityVerlet(0.004), laws())
    sim.run(60)
    assert sim.fingerprint in shown
    assert "bond k*(r - a)**2, k = " in shown
    assert "change" in shown  # what has no energy conserves none
    assert "drift" not in shown


@pytest.mark.usefixtures("chains")
def test_what_it_would_do_and_how_it_goes_on(motes):
    checked = motes("check", "chains.toml").stdout
    assert "angle angles.py:bend" in checked
    whole = motes("run", "chains.toml").stdout.split()[-1]
    motes("run", "chains.toml", "--steps", "30", "--set", "checkpoint.path=run.ckpt", "--set", "checkpoint.every=30")
    again = motes("resume", "run.ckpt", "--steps", "30", "--threads", "1").stdout
    assert again.split()[-1] == whole


def test_bonds_that_conserve_energy_have_a_drift(chains, motes):
    text = (chains / "chains.toml").read_text()
    kept = text[: text.index('[[interactions]]\nkind = "pair-force"')] + text[text.index("[integrator]") :]
    (chains / "kept.toml").write_text(kept)
    shown = motes("run", "kept.toml").stdout
    assert "drift" in shown
    assert "jumps of pairs at the cutoff" in shown


BOND = 'energy = "k*(r - a)**2"'
MISPLACED = [
    (BOND, 'name = "fene"', "'name' is a key of pair, not of bond"),
    (BOND, f"{BOND}\nspecial_bonds = [0, 0, 1]", "'special_bonds' is a key of pair, not of bond"),
    ("special_bonds = [0, 0, 0.5]", "special_bonds = [0, 1]", "is not a list of three weights, for pairs 1, 2 and 3"),
    ('force = "-gamma*(1', 'energy = "-gamma*(1', "a pair-force has no 'energy'; its formula is 'force'"),
    (BOND, 'energy = "k*np.cos(r - a)"', "write cos(...) instead of np.cos(...)"),
    ("c = {1 = 0.5}", "c = {2 = 0.5}", "c: the table has no value for the type 1; it has one for '2'"),
]


@pytest.mark.parametrize(("old", "new", "message"), MISPLACED)
def test_keys_of_the_wrong_table_are_named(chains, motes, old, new, message):
    text = (chains / "chains.toml").read_text()
    assert old in text
    (chains / "wrong.toml").write_text(text.replace(old, new))
    result = motes("run", "wrong.toml")
    assert result.exit_code == 2
    assert message in " ".join(result.stderr.split()), result.stderr


def test_a_value_for_a_type_that_is_not_there_is_reported(chains, motes):
    (chains / "more.toml").write_text(INPUT.replace("c = {1 = 0.5}", "c = {1 = 0.5, X = 2.0}"))
    with pytest.warns(library.MotesWarning, match="there is a value for type 'X', which nothing here has"):
        assert motes("run", "more.toml", "--steps", "1").exit_code == 0
