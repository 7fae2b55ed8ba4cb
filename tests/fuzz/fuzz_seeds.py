"""Valid inputs of every kind, from which the fuzzers make wrong ones.

Between them they have every table of the input file, every function of an expression, every style of a LAMMPS data
file that is read, and every column that a reader knows.
"""

from __future__ import annotations

import gzip
from pathlib import Path

import gsd.hoomd
import numpy as np

MELT = b"""[particles]
lattice = "fcc"
cells = 3
density = 0.8
temperature = 1.0
seed = 1

[[interactions]]
kind = "pair"
name = "lennard-jones"
cutoff = 2.0
shift = "energy"
epsilon = 1.0
sigma = 1.0

[integrator]
kind = "velocity-verlet"
dt = 0.002

[run]
steps = 20
threads = 1
skin = 0.3

[minimize]
force_tolerance = 1.0
steps = 100

[thermo]
every = 10
path = "thermo.csv"
"""

GAS = b"""[particles]
random = 60
density = 0.3
minimum_distance = 0.5
mass = 2.0
temperature = 0.7
seed = 3

[box]
boundary = ["periodic", "open", "reflecting"]

[[interactions]]
kind = "pair"
energy = "epsilon*exp(-(r/width)**2)"
cutoff = 1.5
epsilon = {A-A = 2.0}
width = [[0.5]]

[[interactions]]
kind = "field"
energy = "0.5*k*(x**2 + y**2)"
k = {A = 0.1}

[integrator]
kind = "langevin"
dt = 0.005
temperature = 0.7
friction = 1.5
seed = 8

[run]
steps = 1000

[trajectory]
path = "gas.gsd"
every = 100
overwrite = true

[checkpoint]
path = "gas.ckpt"
minutes = 1.5
keep = 3
"""

SALT = b"""[particles]
read = "salt.xyz"
frame = -1
temperature = 0.5
seed = 4

[box]
lengths = [6, 6.0, 6]
boundary = "periodic"
origin = [0, 0, 0]

[[interactions]]
kind = "pair"
energy = "4*epsilon*((sigma/r)**12 - (sigma/r)**6)"
cutoff = {Na-Na = 2.5, Na-Cl = 2.5, Cl-Cl = 2.0}
shift = "force"
epsilon = {"Na-Na" = 1, "Na-Cl" = 1.5, "Cl-Cl" = 0.5}
sigma = {mix = "diameter", rule = "arithmetic"}

[integrator]
kind = "brownian"
dt = 1e-4
temperature = 0.5
friction = 10
seed = 9_000

[run]
steps = 0x10
"""

CRYSTAL = b"""particles = {read = "melt.data", dimensions = 3, style = "atomic", bonds = "ignore"}
integrator = {kind = "velocity-verlet", dt = 0.001}
run = {steps = 5}
thermo = {every = 5}
checkpoint = {path = "melt.ckpt", every = 5, overwrite = true}
box.boundary = "periodic"
"""

TOML = (MELT, GAS, SALT, CRYSTAL)

EXPRESSIONS = (
    b"4*epsilon*((sigma/r)**12 - (sigma/r)**6)",
    b"epsilon*exp(-kappa*r)/r",
    b"where(r < sigma, k*(sigma - r)**2/2, 0)",
    b"k if 1 < r <= 2.5 and not r == 2 or r > 4 else -k",
    b"depth*(exp(-2*alpha*(r - r0)) - 2*exp(-alpha*(r - r0)))",
    b"min(r, 1) + max(r, sigma)**2.5 + abs(r - 1)**0.5",
    b"cos(pi*r/cutoff) + sin(r) + tan(r/4) + tanh(r) + sinh(r) + cosh(r)",
    b"arctan(r) + arctan2(r, 2) + hypot(r, 1) + clip(r, 0.5, 1.5) + sign(r - 1)",
    b"erf(r) + erfc(alpha*r)/r + cbrt(r) + square(r) + sqrt(r)",
    b"log(r) + log10(r) + log1p(r) + log2(r) + exp2(r) + expm1(r)",
    b"where((r > 1) & ~(r > 2) | (r >= 3), pow(r, n), 1e-3)",
    b"maximum(minimum(r, 2), 1e-3)**-3 + (1.1*r)**(1/3)",
)

_HEAD = b"""a title

3 atoms
2 atom types
1 bonds
1 bond types

-1.0 3.0 xlo xhi
0 4 ylo yhi
0 4 zlo zhi
0 0 0 xy xz yz

"""
_MASSES = b"""Masses

2 4.0  # heavy
1 1.5

"""
_BONDS = b"""
Bonds

1 1 3 5
"""

LAMMPS = (
    _HEAD
    + _MASSES
    + b"Pair Coeffs # lj/cut\n\n1 1.0 1.0\n2 1.0 1.0\n\nAtoms # atomic\n\n7 1 0.5 1.0 1.0\n3 2 3.5 -1.0 1.0  # out\n"
    b"5 1 1.0 1.0 3.5\n\nVelocities\n\n5 0.5 0 0\n7 0.7 0 0\n3 0.3 -1 2e-1\n" + _BONDS,
    _HEAD
    + _MASSES
    + b"Atom Type Labels\n\n1 Ar\n2 Kr\n\nAtoms # full\n\n1 1 2 -0.5 1 2 3 0 0 1\n3 1 1 0.5 2 2 3 0 -1 0\n"
    b"5 2 1 0 1 1 3.5 0 0 0\n" + _BONDS,
    _HEAD.replace(b"1 bonds\n1 bond types\n", b"")
    + b"Atoms # sphere\n\n1 1 1.0 2.0 1 2 3\n3 2 0.5 1.0 2 2 3\n5 1 0 3 1 1 3.5\n\nVelocities\n\n"
    b"1 0.1 0 0 0 0 1\n3 0 0 1 0 0 0\n5 1 1 1 1 1 1\n",
    _HEAD + _MASSES + b"Atoms # charge\n\n1 1 -1 1 2 3\n3 2 1 2 2 3\n5 1 0 1 1 3.5\n" + _BONDS,
    (
        b"title\n2 atoms\n2 atom types\n6 0 0 avec\n0 7.0 1e-16 bvec\n0 0 8 cvec\n-3 -3.5 -4 abc origin\n\n"
        b"Atom Type Labels\n\n1 \xc3\x84r\n2 Kr\n\nMasses\n\n\xc3\x84r 40\nKr 84\n\nAtoms # atomic\n# id type x y z\n"
        b"1 Kr 1 1 1 3 0 0\n2 1 2 2 2 0 -2 0\n"
    ),
)

XYZ = (
    b"""2
Lattice="6 0 0 0 6 0 0 0 6" Properties=species:S:1:pos:R:3:diameter:R:1 pbc="T T T"
Na 1.0 1.0 1.0 1.0
Cl 2.0 2.0 2.0 1.2
4
Lattice="6 0 0 0 6 0 0 0 6" Properties=species:S:1:pos:R:3:diameter:R:1 pbc="T T T" time=0.1
Na 1.0 1.0 1.0 1.0
Na 3.0 1.0 1.0 1.0
Cl 2.0 2.5 2.0 1.2
Cl 4.0 2.0 2.0 1.2
""",
    b"""2
Lattice=[[6, 0, 0], [0, 7, 0], [0, 0, 8]] pbc=[T, F, T] Properties=Z:I:1:pos:R:3:momenta:R:3:masses:R:1:images:I:3 \
a="_JSON {\\"x\\": ' y=2'}" b={1 2} 'c d'
18 1 1 1 4 0 0 40 0 0 1
36 2 2 2 0 8 0 80 -1 0 0
""".replace(b"\\\n", b""),
    b"""3
Lattice="4 0 0 0 5 0 0 0 6" Origin="0 0 -1" Properties=type:I:1:pos:R:3:vel:R:3:mass:R:1:force:R:3:id:I:1 pbc="T T F"
2 1.0 1.0 1.0  0.1 0 0   1.5  9 9 9  4
1 5.0 2.0 2.0  0.2 0 0   2.0  9 9 9  2
1 3.0 3.0 4.0  0.3 0 0   3.5  9 9 9  9
""",
)

# Where SALT and CRYSTAL find their particles.
FILES = {"salt.xyz": XYZ[0], "melt.data": LAMMPS[0]}


def gsd_files(folder: Path) -> tuple[bytes, ...]:
    """GSD files: two frames of three particles, and one of a flat world."""
    solid, flat = gsd.hoomd.Frame(), gsd.hoomd.Frame()
    solid.configuration.box = [4, 6, 8, 0, 0, 0]
    solid.particles.N = 3
    solid.particles.position = np.arange(9).reshape(3, 3) / 8 - 1
    solid.particles.velocity = np.arange(9).reshape(3, 3) / 16
    solid.particles.types, solid.particles.typeid = ["B", "A"], [0, 1, 0]
    solid.particles.mass, solid.particles.charge = [1, 2, 3], [1, 0, -1]
    flat.configuration.box, flat.configuration.dimensions = [4, 6, 0, 0, 0, 0], 2
    flat.particles.N = 2
    flat.particles.position = [[0, 1, 0], [1, 2, 0]]
    flat.particles.diameter = [1, 2]
    own = gsd.hoomd.Frame()
    own.configuration.box, own.particles.N = [4, 6, 8, 0, 0, 0], 2
    own.particles.position, own.particles.types, own.particles.image = (
        [[0, 1, 0], [1, 2, 0]],
        ["7"],
        [[1, 0, 0], [0, 0, 0]],
    )
    own.log = {
        "particles/id": np.array([5, 2]), "particles/angle": np.array([0.5, 1.5]), "time": np.array([2.5]),
        "lengths": np.array([4.0, 6.0, 8.0]), "origin": np.array([0.0, 1.0, 2.0]),
        "boundary": np.array([[0, 0], [1, 1], [2, 2]], np.uint8), "text_types": np.array([1], np.uint8),
    }  # fmt: skip
    contents = []
    for frames in ([solid, solid], [flat], [flat, solid], [own, own]):
        path = folder / "seed.gsd"
        with gsd.hoomd.open(path, "w") as file:
            for number, frame in enumerate(frames):
                frame.configuration.step = number
                file.append(frame)
        contents.append(path.read_bytes())
    return tuple(contents)


def compressed(text: bytes) -> bytes:
    """The same bytes for the same text, whenever it is packed."""
    return gzip.compress(text, mtime=0)
