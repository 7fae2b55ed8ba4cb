"""Objects that do not change once made: boxes, interactions, integrators.

Every rank has copies of what a simulation is made of, so a change of the object that the user holds would be a change
on one rank of many, or on none. What is refused here says what to do instead.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping
from functools import wraps
from typing import Any, ClassVar, TypeVar

import numpy as np

from motes.core.errors import InputError
from motes.core.words import did_you_mean, nearest

T = TypeVar("T")


class Frozen:
    """Attributes are set in __init__; every later assignment raises an InputError."""

    __slots__ = ("_sealed",)

    _instead: ClassVar[str] = "it does not change once made; make a new one"
    """What to do instead of an assignment."""

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        if "__init__" in vars(cls):
            cls.__init__ = _sealing(cls.__init__)  # type: ignore[method-assign]  # of the same signature

    def _seal(self) -> None:
        object.__setattr__(self, "_sealed", True)

    def __setattr__(self, name: str, value: Any) -> None:
        if getattr(self, "_sealed", False):
            raise refusal(self, name, self._instead)
        object.__setattr__(self, name, value)

    def __delattr__(self, name: str) -> None:
        raise refusal(self, name, self._instead)

    def __getstate__(self) -> dict[str, Any]:
        return dict(vars(self))

    def __setstate__(self, state: Mapping[str, Any]) -> None:
        vars(self).update({name: read_only(value) for name, value in state.items()})
        self._seal()


class FrozenMapping(Mapping[Any, Any]):
    """What was given by name, or by types: it can be read only."""

    def __init__(self, values: Mapping[Any, Any], instead: str = Frozen._instead) -> None:
        self._values = {key: kept(value) for key, value in values.items()}
        self._instead = instead

    def __getitem__(self, key: Any) -> Any:
        return self._values[key]

    def __setitem__(self, key: Any, value: Any) -> None:
        names = [name for name in self if isinstance(name, str)]
        unknown = f" ({did_you_mean(key, names)})" if isinstance(key, str) and key not in names else ""
        raise InputError(f"{key!r}{unknown} cannot be assigned: {self._instead}")

    def __iter__(self) -> Iterator[Any]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)

    def __repr__(self) -> str:
        return repr(self._values)

    def __reduce__(self) -> tuple[Any, ...]:
        return FrozenMapping, (self._values, self._instead)  # arrays are read-only again at the other end


def kept(value: Any) -> Any:
    """A copy that nobody can change, of an array, a list or a mapping; anything else as it is."""
    if isinstance(value, np.ndarray):
        return read_only(value.copy()) if value.flags.writeable or value.base is not None else value
    if isinstance(value, Mapping) and not isinstance(value, FrozenMapping):
        return FrozenMapping(value)
    return tuple(map(kept, value)) if isinstance(value, list) else value


def check_assignable(owner: object, name: str, instead: str) -> None:
    """Raise an InputError unless this attribute can be assigned: it is private, or a property with a setter."""
    if not name.startswith("_"):
        found = inspect.getattr_static(type(owner), name, None)
        if not (isinstance(found, property) and found.fset):
            raise refusal(owner, name, instead)


def refusal(owner: object, name: str, instead: str) -> InputError:
    """The error that says why there is no assigning to this attribute, and what to do instead."""
    kind, parameters = type(owner).__name__, vars(owner).get("parameters", ())
    if name in dir(owner) or name in parameters:
        return InputError(f"{kind}: {name} cannot be assigned: {instead}")
    properties = [one for one in dir(owner) if not callable(inspect.getattr_static(owner, one))]
    names = [one for one in [*vars(owner), *properties, *parameters] if not one.startswith("_")]
    return InputError(f"{kind} has no {name!r} ({did_you_mean(name, names)}): {instead}")


def absence(owner: object, name: str, elsewhere: Mapping[str, str]) -> AttributeError:
    """The error that says of an attribute which is not there what was probably meant; elsewhere: what is by names."""
    names = [one for one in dir(type(owner)) if not one.startswith("_")]
    if hasattr(type(owner), name):
        object.__getattribute__(owner, name)  # it is there, and something within is not: that is to be said
    meant = None if name.startswith("_") else nearest(name, names)
    hint = elsewhere.get(name) or (f"did you mean {meant!r}?" if meant else "dir() lists what it has")
    # With a name, but no object, Python adds no guess of its own.
    return AttributeError(f"{type(owner).__name__} has no {name!r}: {hint}", name=name)


def shown(owner: object, *first: str, **more: Any) -> str:
    """An object as its constructor makes it: positional arguments as they are to be shown, then those by name."""
    return f"{type(owner).__name__}({', '.join([*first, *(f'{name}={value!r}' for name, value in more.items())])})"


def _sealing(init: Callable[..., None]) -> Callable[..., None]:
    """The __init__, which seals the object, unless a class further down goes on setting it up."""

    @wraps(init)
    def made(self: Frozen, *args: Any, **kwargs: Any) -> None:
        init(self, *args, **kwargs)
        if type(self).__init__ is made:
            self._seal()

    return made


def read_only(value: T) -> T:
    """The value; if it is an array, nobody can write to it any more."""
    if isinstance(value, np.ndarray):
        value.flags.writeable = False
    return value
