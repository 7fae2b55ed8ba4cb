"""Energies of a pair that come with Motes: plain functions of the distance, written as a user would write them.

Each is passed to `motes.Pair` like any other function; nothing about them is special. Symbols in the docstrings are
the parameters' names; r is the distance. Where a potential is defined to end at some distance, it does so here.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from motes.formulas.trace import erfc


def lennard_jones(r: Any, epsilon: Any, sigma: Any) -> Any:
    """4 epsilon ((sigma/r)^12 - (sigma/r)^6).

    J. E. Jones, Proc. R. Soc. A 106, 463 (1924). Cutoff: 2.5 sigma or more.
    """
    return 4 * epsilon * ((sigma / r) ** 12 - (sigma / r) ** 6)


def weeks_chandler_andersen(r: Any, epsilon: Any, sigma: Any) -> Any:
    """The repulsive part of the Lennard-Jones energy, lifted to end smoothly at its minimum, r = 2^(1/6) sigma.

    J. D. Weeks, D. Chandler, H. C. Andersen, J. Chem. Phys. 54, 5237 (1971). Cutoff: 2^(1/6) sigma (1.1225 sigma).
    """
    x = (sigma / r) ** 6
    return np.where(x > 0.5, 4 * epsilon * (x * x - x) + epsilon, 0.0)


def mie(r: Any, epsilon: Any, sigma: Any, n: Any, m: Any) -> Any:
    """epsilon n/(n-m) (n/m)^(m/(n-m)) ((sigma/r)^n - (sigma/r)^m), with n > m > 0.

    G. Mie, Ann. Phys. 316, 657 (1903). Cutoff: 2.5 sigma or more.
    """
    return n / (n - m) * (n / m) ** (m / (n - m)) * epsilon * ((sigma / r) ** n - (sigma / r) ** m)


def morse(r: Any, depth: Any, alpha: Any, r0: Any) -> Any:
    """depth (exp(-2 alpha (r-r0)) - 2 exp(-alpha (r-r0))): a well of this depth at r0.

    P. M. Morse, Phys. Rev. 34, 57 (1929). Cutoff: r0 + 5/alpha or more.
    """
    x = np.exp(-alpha * (r - r0))
    return depth * (x * x - 2 * x)


def yukawa(r: Any, epsilon: Any, kappa: Any) -> Any:
    """epsilon exp(-kappa r)/r: charges screened over the length 1/kappa.

    H. Yukawa, Proc. Phys.-Math. Soc. Japan 17, 48 (1935). Cutoff: 5/kappa or more.
    """
    return epsilon * np.exp(-kappa * r) / r


def buckingham(r: Any, A: Any, rho: Any, C: Any) -> Any:  # noqa: N803 - the names under which they are tabulated
    """A exp(-r/rho) - C/r^6. It falls without bound at small r, so particles must not come that near.

    R. A. Buckingham, Proc. R. Soc. A 168, 264 (1938).
    """
    return A * np.exp(-r / rho) - C / r**6


def gaussian(r: Any, epsilon: Any, sigma: Any) -> Any:
    """epsilon exp(-(r/sigma)^2/2): a soft core.

    F. H. Stillinger, J. Chem. Phys. 65, 3968 (1976), with sigma as the standard deviation. Cutoff: 5 sigma or more.
    """
    return epsilon * np.exp(-0.5 * (r / sigma) ** 2)


def soft_cosine(r: Any, epsilon: Any, cutoff: Any) -> Any:
    """epsilon (1 + cos(pi r/cutoff)): pushes overlapping particles apart, and ends smoothly at the cutoff.

    LAMMPS, pair_style soft. The cutoff is that of the Pair.
    """
    return epsilon * (1 + np.cos(np.pi * r / cutoff))


def harmonic_repulsion(r: Any, k: Any, diameter: Any) -> Any:
    """k/2 (diameter-r)^2 for r < diameter, else 0: elastic spheres, the conservative part of DPD.

    C. S. O'Hern et al., Phys. Rev. Lett. 88, 075507 (2002). Cutoff: the diameter.
    """
    return 0.5 * k * np.maximum(diameter - r, 0.0) ** 2


def hertzian_repulsion(r: Any, k: Any, diameter: Any) -> Any:
    """2/5 k (diameter-r)^(5/2) for r < diameter, else 0: elastic spheres by contact mechanics.

    H. Hertz, J. reine angew. Math. 92, 156 (1882). Cutoff: the diameter.
    """
    return 0.4 * k * np.maximum(diameter - r, 0.0) ** 2.5


def screened_coulomb(r: Any, charge: Any, alpha: Any) -> Any:
    """charge erfc(alpha r)/r: the part of the Coulomb energy that an Ewald sum takes in real space.

    Here charge stands for the product of the two charges, in units in which two unit charges at distance 1 have the
    energy 1: ``charge=motes.mix("charge", lambda a, b: a * b)``. P. P. Ewald, Ann. Phys. 369, 253 (1921).
    """
    return charge * erfc(alpha * r) / r


BUILT_IN: dict[str, Callable[..., Any]] = {
    "buckingham": buckingham,
    "gaussian": gaussian,
    "harmonic-repulsion": harmonic_repulsion,
    "hertzian-repulsion": hertzian_repulsion,
    "lennard-jones": lennard_jones,
    "mie": mie,
    "morse": morse,
    "screened-coulomb": screened_coulomb,
    "soft-cosine": soft_cosine,
    "weeks-chandler-andersen": weeks_chandler_andersen,
    "yukawa": yukawa,
}
"""The functions by the names that input files use."""
