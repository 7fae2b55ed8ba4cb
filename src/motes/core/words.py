"""Words that nobody knows here, and what was probably meant: one table of words from elsewhere, one question; and
warnings.

Whatever a user may misspell is looked up here: keywords of functions, keys and tables of an input file, parameters,
names in formulas, types.
"""

from __future__ import annotations

import difflib
import inspect
import sys
import warnings
from collections.abc import Callable, Iterable, Mapping
from functools import wraps
from pathlib import Path
from typing import Any, ParamSpec, TypeVar

from motes.core.errors import InputError, MotesWarning

_OURS = str(Path(__file__).parents[1])

FOREIGN = {
    "Angle": "HarmonicAngle CosineAngle angle_style",
    "Bond": "Harmonic FENE HarmonicBond bond_style Spring",
    "Brownian": "BD Overdamped OverdampedLangevin",
    "Checkpoint": "Restart",
    "Bussi": "CSVR VRescale StochasticVelocityRescaling",
    "Embedded": "EAM ManyBody",
    "Langevin": "NVT BAOAB",
    "PairForce": "DPD CustomForce",
    "Particles": "Atoms State",
    "Simulation": "System Context",
    "Thermo": "Log Logger",
    "Trajectory": "Dump GSD Writer",
    "VelocityVerlet": "NVE Verlet Leapfrog ConstantVolume",
    "boundary": "pbc periodic boundaries boundary_conditions",
    "brownian": "bd overdamped",
    "cells": "repeat replicate",
    "charge": "q charges",
    "checkpoint": "restart",
    "count": "n number natoms n_atoms n_particles num_particles",
    "cutoff": "rc rcut r_c r_cut rmax r_max cut",
    "density": "rho number_density",
    "diameter": "diameters sigma",
    "dt": "timestep time_step step_size delta_t",
    "energy": "formula expression potential",
    "every": "period interval frequency freq stride trigger",
    "first_step": "start initial_step step",
    "force_tolerance": "ftol force_tol fmax tolerance",
    "friction": "gamma drag damping collision_rate",
    "ids": "tag tags index indices",
    "integrator": "fix method",
    "interactions": "forces force_field potential potentials pair pairs",
    "kind": "style",
    "bussi": "csvr v-rescale vrescale",
    "langevin": "nvt baoab",
    "lengths": "L size cell edges dimensions box_size",
    "lennard-jones": "lj lj/cut",
    "lennard_jones": "lj",
    "mass": "m masses",
    "max_steps": "maxiter max_iter steps",
    "minimum_distance": "min_distance min_dist mindist min_separation minimum_separation",
    "overwrite": "force",
    "path": "file filename file_name fname",
    "positions": "pos position coordinates coords xyz",
    "repeats": "replicas replicates repetitions",
    "seed": "rng random_seed random_state",
    "shift": "mode shifted energy_shift",
    "special_bonds": "special exclusions exclude",
    "skin": "buffer verlet_skin",
    "steps": "n_steps nsteps num_steps maxiter max_iter",
    "temperature": "kT kBT T temp",
    "thermo": "log logger",
    "threads": "cores nthreads n_threads num_threads",
    "trajectory": "dump gsd",
    "types": "species symbols elements typeid typeids type_id type_ids atom_types",
    "velocities": "v vel velocity",
    "velocity-verlet": "nve verlet leapfrog",
    "workers": "processes n_jobs n_workers",
}
"""By our words, what other programs and books say."""

THEIR_OWN = ("angle",)
"""Names that users give, though they hardly differ from one of ours: an orientation is an angle, not angles."""

ALIKE = 0.6
"""How much two words have in common, at least, if one is meant by the other (difflib's measure: 0 to 1)."""

HARDLY_DIFFERENT = 0.85
"""The same, where the word may as well be a name of the user's own."""

P = ParamSpec("P")
R = TypeVar("R")


def nearest(word: str, known: Iterable[str], alike: float = ALIKE) -> str | None:
    """The known word that was probably meant, if there is one: another word for it, or one that is spelt alike."""
    plain = {one.casefold(): one for one in sorted(known, reverse=True)}
    said = word.casefold()
    for ours in plain.values():
        if said in FOREIGN.get(ours, "").casefold().split():
            return ours
    close = difflib.get_close_matches(said, plain, 1, alike)
    return plain[close[0]] if close else None


def did_you_mean(word: str, known: Iterable[str], form: str = "{!r}") -> str:
    """The second half of a complaint about an unknown word: what was probably meant, or all there are."""
    words = list(dict.fromkeys(known))
    meant = nearest(word, words)
    if meant is not None:
        return f"did you mean {form.format(meant)}?"
    return f"known are {', '.join(map(form.format, words))}" if words else "there are none"


def caution(message: str) -> None:
    """Warn of something in the line of the user's program that led here, wherever in Motes it is noticed."""
    frame, level = sys._getframe(), 1
    while frame.f_back is not None and frame.f_code.co_filename.startswith(_OURS):
        frame, level = frame.f_back, level + 1
    warnings.warn(message, MotesWarning, stacklevel=level)


def warn_of_absent(name: str, labels: Iterable[Any], types: str = "type") -> None:
    """A line about values that were given for types which nothing here has, as those that only a file declares."""
    if words := ", ".join(map(repr, labels)):
        caution(f"{name}: there is a value for {types} {words}, which nothing here has")


def shortened(text: str, most: int = 60) -> str:
    """The text, or its beginning with dots after it: of up to so many characters, to be repeated in a message."""
    return text if len(text) <= most else text[: most - 3] + "..."


def known_keywords(function: Callable[P, R]) -> Callable[P, R]:
    """The function, which says in one line what is wrong with a call: a keyword it does not know, or one missing.

    A function that takes any keyword, such as attributes of particles, refuses those that are other words for an
    argument which was not given, or hardly differ from one.
    """
    signature = inspect.signature(function)

    @wraps(function)
    def checked(*args: P.args, **kwargs: P.kwargs) -> R:
        name = type(args[0]).__name__ if function.__name__ == "__init__" else function.__name__
        absent = _absent(signature, args, kwargs)
        for word in [word for word in kwargs if word not in signature.parameters]:
            if not _takes_any(signature):
                raise InputError(f"{name}: unknown argument {word!r}; {did_you_mean(word, absent)}")
            if word not in THEIR_OWN and (meant := nearest(word, absent, HARDLY_DIFFERENT)):
                raise InputError(
                    f"{name}: unknown argument {word!r}; did you mean {meant!r}? If not, choose another name"
                )
        try:
            signature.bind(*args, **kwargs)
        except TypeError as error:
            raise InputError(f"{name}: {error}") from None
        return function(*args, **kwargs)

    return checked


def _takes_any(signature: inspect.Signature) -> bool:
    return any(one.kind is one.VAR_KEYWORD for one in signature.parameters.values())


def _absent(signature: inspect.Signature, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> list[str]:
    """The arguments that can be given by name and were not given at all."""
    named = [name for name, one in signature.parameters.items() if one.kind is one.POSITIONAL_OR_KEYWORD]
    later = [name for name, one in signature.parameters.items() if one.kind is one.KEYWORD_ONLY]
    return [name for name in [*named[len(args) :], *later] if name not in kwargs]
