"""The input file: which tables and keys a TOML file may have, and of what kind their values are.

Reading happens in three steps: TOML to plain tables, `--set` on top, then the models below. Every complaint
is one line that names the file, the table and the key. Nothing here touches particles; that is build.py.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from inspect import Parameter as Argument
from inspect import signature
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal, Union, get_type_hints

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Discriminator,
    Field,
    Tag,
    ValidationError,
    ValidatorFunctionWrapHandler,
    WrapValidator,
    create_model,
    model_validator,
)
from pydantic_core import PydanticCustomError

from motes.core import checks
from motes.core.checks import LARGEST, SMALLEST
from motes.core.errors import InputError
from motes.core.schedules import NotNegativeOrSchedule, PositiveOrSchedule, Ramp
from motes.core.words import did_you_mean, nearest
from motes.forces import LAWS, Interaction, Pair
from motes.integrators import KINDS, Integrator
from motes.observers.average import Average
from motes.observers.checkpoint import Checkpoint
from motes.observers.msd import Msd
from motes.observers.profile import Profile
from motes.observers.rdf import Rdf
from motes.observers.result import Result
from motes.observers.structure_factor import StructureFactor
from motes.observers.thermo import Thermo
from motes.observers.trajectory import Trajectory
from motes.simulation.inputs.complaints import complain, first_complaint, reject, shown
from motes.simulation.inputs.tables import put, read_file, read_setting

Positive = Annotated[float, Field(gt=0)]
NotNegative = Annotated[float, Field(ge=0)]
Count = Annotated[int, Field(ge=1)]
Seed = Annotated[int, Field(ge=0, lt=2**63)]
BOUNDARIES = ("periodic", "open", "reflecting")
SOURCES = 'say where particles come from: read = "file", lattice = "fcc" or random = 1000'


class Table(BaseModel):
    """What all tables share: nothing unknown, no silent conversions (`"3"` is no number), no nan or inf."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, allow_inf_nan=False)

    @model_validator(mode="before")
    @classmethod
    def _refuse_unknown_keys(cls, data: Any) -> Any:
        if isinstance(data, dict) and cls.model_config.get("extra") == "forbid":
            for key in data:
                if key not in cls.model_fields:
                    raise complain(f"unknown key '{key}'; {did_you_mean(key, cls.model_fields)}")
        return data


class Thermalized(Table):
    """Particles whose velocities may be drawn: `temperature` and `seed` go together."""

    temperature: NotNegative | None = None
    seed: Seed | None = None

    @model_validator(mode="after")
    def _temperature_has_seed(self) -> Thermalized:
        if self.temperature is not None and self.seed is None:
            raise complain("'temperature' draws velocities, so give a 'seed' as well, e.g. seed = 1")
        return self


def as_mass(value: Any) -> float | dict[str, float] | str:
    """A number, one for each type, or "elements"."""
    if _is_number(value) and value > 0:
        return float(value)
    if isinstance(value, dict) and value and all(map(_is_number, value.values())):
        return {key: float(number) for key, number in value.items()}
    if value == "elements":
        return "elements"
    raise reject('is not a number above 0, a table by type like {Ar = 39.95, "2" = 1.5}, or "elements"')


class ReadParticles(Thermalized):
    """Particles from a file, with the options of motes.read."""

    read: str
    format: str | None = None
    style: str | None = None
    mass: Annotated[float | dict[str, float] | str | None, BeforeValidator(as_mass)] = None
    dimensions: Literal[2, 3] | None = None
    frame: int | None = None
    bonds: Literal["ignore"] | None = None


def as_three(value: Any) -> Any:
    """One number of cells stands for all three axes."""
    return value if isinstance(value, list) else [value] * 3


class LatticeParticles(Thermalized):
    """Particles on a lattice that fills a periodic box."""

    lattice: Literal["fcc"]
    cells: Annotated[list[Count], Field(min_length=3, max_length=3), BeforeValidator(as_three)]
    density: Positive
    mass: Positive = 1.0


class RandomParticles(Thermalized):
    """Particles at random positions; the box comes from `density` (a cube) or from [box] lengths."""

    random: Count
    density: Positive | None = None
    minimum_distance: Positive | None = None
    mass: Positive = 1.0
    seed: Seed


def _source(table: Any) -> str | None:
    return next((key for key in ("read", "lattice", "random") if isinstance(table, dict) and key in table), None)


ParticlesTable = Annotated[
    Annotated[ReadParticles, Tag("read")]
    | Annotated[LatticeParticles, Tag("lattice")]
    | Annotated[RandomParticles, Tag("random")],
    Discriminator(
        _source,
        custom_error_type="complaint",
        custom_error_message=SOURCES,
    ),
]


def as_boundary(value: Any) -> list[str | tuple[str, str]]:
    """One word for all axes, or a list with one word for each axis, or two for its lower and upper side."""
    words = [value] if isinstance(value, str) else value
    if not isinstance(words, list) or not words:
        raise reject("is neither a word nor a list of one word an axis")
    for sides in words:
        for word in sides if isinstance(sides, list) else [sides]:
            if word not in BOUNDARIES:
                raise reject(f"has an unknown word; {did_you_mean(str(word), BOUNDARIES)}")
        if isinstance(sides, list) and len(sides) != 2:
            raise reject(f"has {len(sides)} words for an axis; it must be one, or two for its lower and upper side")
    return [tuple(sides) if isinstance(sides, list) else sides for sides in words]


class BoxTable(Table):
    """The box, where the particles' source does not say it, or should be changed."""

    lengths: Annotated[list[Positive], Field(min_length=2, max_length=3)] | None = None
    boundary: Annotated[list[str | tuple[str, str]] | None, BeforeValidator(as_boundary)] = None
    origin: Annotated[list[float], Field(min_length=2, max_length=3)] | None = None


class Mix(Table):
    """A parameter that comes from an attribute of the two particles."""

    mix: str
    rule: Literal["arithmetic", "geometric"]


class RampTable(Table):
    """A number that goes from one value to another in so many steps."""

    ramp: Annotated[list[float], Field(min_length=2, max_length=2)]
    steps: Count
    begin: Annotated[int, Field(ge=0)] | None = None

    def made(self) -> Ramp:
        """As the constructor makes it."""
        return Ramp(self.ramp[0], self.ramp[1], self.steps, self.begin)


Number = float | Ramp
Parameter = Number | dict[str, Number] | list[list[float]] | Mix


def as_number(value: Any) -> Number | None:
    """A number, or a ramp, as {ramp = [2.0, 0.5], steps = 1000}; None for what is neither."""
    if isinstance(value, dict) and "ramp" in value:
        return RampTable.model_validate(value).made()
    return float(value) if _is_number(value) else None


def as_own(value: Any) -> Number | dict[str, Number] | None:
    """Such a number, or one for each type; None for what is no such table either."""
    if (found := as_number(value)) is not None or not isinstance(value, dict) or not value:
        return found
    numbers = {key: as_number(one) for key, one in value.items()}
    table = {key: number for key, number in numbers.items() if number is not None}
    return table if len(table) == len(numbers) else None


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < float("inf")


def as_parameter(value: Any) -> Parameter:
    """Number, ramp, table by type, square array or mixing rule, as TOML writes them."""
    if isinstance(value, dict) and ("mix" in value or "rule" in value):
        return Mix.model_validate(value)
    if (found := as_own(value)) is not None:
        return found
    if isinstance(value, list) and value and all(isinstance(row, list) for row in value):
        if all(len(row) == len(value) and all(map(_is_number, row)) for row in value):
            return [[float(number) for number in row] for row in value]
        raise reject("is not a square array of numbers, one row and one column for each type")
    raise reject(
        'is not a number, a table like {"A-B" = 1.0}, an array [[1.0]], {mix = "sigma", rule = "arithmetic"}, or '
        "{ramp = [2.0, 0.5], steps = 1000}"
    )


def _rows(parameter: Number | dict[str, Number] | list[list[float]]) -> list[Sequence[Number]]:
    if isinstance(parameter, dict):
        return [list(parameter.values())]
    return list(parameter) if isinstance(parameter, list) else [[parameter]]


def as_cutoff(value: Any) -> Parameter:
    """A distance, or distances by type."""
    cutoff = as_parameter(value)
    if isinstance(cutoff, Mix):
        raise reject("is neither a number nor a table by type; mixing rules are for parameters")
    numbers = [number for row in _rows(cutoff) for number in row if isinstance(number, float)]
    if len(numbers) < sum(map(len, _rows(cutoff))):
        raise reject("is a ramp; a cutoff stays what it is")
    if min(numbers) <= 0:
        raise reject("must be greater than 0")
    if not SMALLEST <= min(numbers) <= max(numbers) <= LARGEST:
        raise reject(f"is not from {SMALLEST:.0e} to {LARGEST:.0e}")
    return cutoff


def as_own_parameter(value: Any) -> Number | dict[str, Number]:
    """A number, or one for each type, any of which may be a ramp."""
    if (found := as_own(value)) is not None:
        return found
    raise reject("is no number, table by type like {A = 1.0, B = 2.0}, or ramp like {ramp = [2.0, 0.5], steps = 1000}")


def or_ramp(value: Any, as_number: ValidatorFunctionWrapHandler) -> Any:
    """A ramp, or else a number."""
    return RampTable.model_validate(value).made() if isinstance(value, dict) else as_number(value)


class InteractionTable(Table):
    """One [[interactions]]; keys that are not listed here are parameters of the function."""

    model_config = ConfigDict(extra="allow")

    law: ClassVar[type[Interaction]]
    kind: str
    function: str | None = None

    @model_validator(mode="before")
    @classmethod
    def _suspect_misspelt_keys(cls, data: Any) -> Any:
        """A parameter that is a string, or that stands where 'cutoff' is missing, is a misspelt key."""
        if not isinstance(data, dict):
            return data
        absent = [key for key in cls.model_fields if key not in data]
        for key in data.keys() - cls.model_fields.keys():
            meant = nearest(key, absent)
            if meant and (isinstance(data[key], str) or meant == "cutoff"):
                raise complain(f"unknown key '{key}'; did you mean '{meant}'?")
            elsewhere = [law.kind for law in LAWS if key in _keys_of(law)]
            if elsewhere and isinstance(data[key], str | list | bool):  # which no parameter is
                raise complain(_misplaced(key, elsewhere, cls.law))
        return data

    @model_validator(mode="after")
    def _one_source(self) -> InteractionTable:
        sources = {self.law.formula: "a formula", "function": '"file.py:name"', "name": ""}
        sources = {key: what for key, what in sources.items() if key in type(self).model_fields}
        given = [key for key in sources if getattr(self, key) is not None]
        if self.function is not None and not self.law.of_one_function:
            raise complain(f"takes formulas, not a function; '{self.law.formula}' is one")
        if len(given) == 1:
            return self
        found = "none of them is given" if not given else " and ".join(map(repr, given)) + " are given"
        *first, last = [f"'{key}'" + (f" ({what})" if what else "") for key, what in sources.items()]
        raise complain(f"needs exactly one of {', '.join(first)} and {last}; {found}")

    @property
    def text(self) -> str | None:
        """The formula, if it is one."""
        found: str | None = getattr(self, self.law.formula)
        return found

    @property
    def options(self) -> dict[str, Any]:
        """What the constructor takes besides the function and its parameters."""
        others = {"kind", "function", "name", self.law.formula}
        return {name: getattr(self, name) for name in type(self).model_fields if name not in others}

    @property
    def parameters(self) -> dict[str, Parameter]:
        """The function's parameters by name."""
        return dict(self.__pydantic_extra__ or {})


class _OfPairs(InteractionTable):
    __pydantic_extra__: dict[str, Annotated[Any, BeforeValidator(as_parameter)]]


class _OfOne(InteractionTable):
    __pydantic_extra__: dict[str, Annotated[Any, BeforeValidator(as_own_parameter)]]


def as_friction(value: Any) -> Number | dict[str, Number] | str:
    """A number, one for each type, or the name of an attribute."""
    if isinstance(value, str):
        return value
    try:
        return as_own_parameter(value)
    except PydanticCustomError:
        raise reject("is no number, table by type like {A = 1.0, B = 2.0}, or name of an attribute") from None


def as_weights(value: Any) -> list[Any]:
    """Of pairs 1, 2 and 3 bonds apart."""
    if not isinstance(value, list | tuple) or len(value) != 3:
        raise reject("is not a list of three weights, for pairs 1, 2 and 3 bonds apart")
    return list(value)


_CHECKED = {
    checks.Positive: Positive,
    checks.Positive | None: Positive | None,
    checks.Count: Count,
    str | Path: str,
    str | Path | None: str | None,
    checks.NotNegative: NotNegative,
    PositiveOrSchedule: Annotated[Positive, WrapValidator(or_ramp)],
    NotNegativeOrSchedule: Annotated[NotNegative, WrapValidator(or_ramp)],
    checks.Seed: Seed,
    checks.ByParticle: Annotated[Any, BeforeValidator(as_friction)],
    checks.Range | None: Annotated[list[NotNegative], Field(min_length=2, max_length=2)] | None,
    checks.TwoTypes | None: Annotated[list[str | int], Field(min_length=2, max_length=2)] | None,
    checks.Readings: str | list[str],
    checks.Weights: Annotated[list[NotNegative], BeforeValidator(as_weights)],
    checks.ByTypes: Annotated[Any, BeforeValidator(as_cutoff)],
}
"""How input files check what the annotations of a constructor ask for; other types are checked as they are."""


def _fields_of(constructor: Callable[..., Any]) -> dict[str, Any]:
    """Of each argument by name, what it may be, and its default; one without is required."""
    hints = get_type_hints(constructor, include_extras=True)
    return {
        name: (
            _CHECKED.get(hints[name], hints[name]),
            ... if parameter.default is Argument.empty else parameter.default,
        )
        for name, parameter in signature(constructor).parameters.items()
        if parameter.kind is not Argument.VAR_KEYWORD and name not in ("self", "text")
    }


def _keys_of(law: type[Interaction]) -> set[str]:
    """The keys that a table of this kind has."""
    return {*_fields_of(law.from_expression), law.formula, *(["name"] if law is Pair else [])}


def _misplaced(key: str, elsewhere: list[str], law: type[Interaction]) -> str:
    if any(key == other.formula for other in LAWS):
        return f"a {law.kind} has no '{key}'; its formula is '{law.formula}'"
    return f"'{key}' is a key of {' or '.join(elsewhere)}, not of {law.kind}"


def _table_of_law(law: type[Interaction]) -> type[InteractionTable]:
    fields = _fields_of(law.from_expression) | {"kind": (Literal[law.kind], ...), law.formula: (str | None, None)}
    if law is Pair:
        fields["name"] = (str | None, None)  # of a built-in energy
    base = _OfPairs if law.of_pairs else _OfOne
    made: type[InteractionTable] = create_model(law.__name__, __base__=base, __doc__=law.__doc__, **fields)
    made.law = law
    return made


InteractionTables: Any = Annotated[Union[*map(_table_of_law, LAWS)], Discriminator("kind")]


class IntegratorTable(Table):
    """How particles move: a kind, and the arguments of its constructor."""

    kind: str

    @property
    def arguments(self) -> dict[str, Any]:
        """All but the kind."""
        return {name: getattr(self, name) for name in type(self).model_fields if name != "kind"}


def _table_of(word: str, kind: type[Integrator]) -> type[IntegratorTable]:
    fields: Any = _fields_of(kind.__init__) | {"kind": (Literal[word], ...)}
    made: type[IntegratorTable] = create_model(kind.__name__, __base__=IntegratorTable, __doc__=kind.__doc__, **fields)
    return made


IntegratorTables: Any = Annotated[
    Union[*(_table_of(word, kind) for word, kind in KINDS.items())], Field(discriminator="kind")
]


class RunTable(Table):
    """How long, and on what; None leaves it to the library."""

    steps: Annotated[int, Field(ge=0)]
    threads: Count | None = None
    skin: Positive | None = None


class MinimizeTable(Table):
    """Downhill before the first step, until no force has a larger component."""

    force_tolerance: Positive
    steps: Count = 10_000


class ObserverTable(Table):
    """What an observer writes, and how often: the arguments of its constructor besides."""

    every: Count


class _Every(Table):
    every: Count | None = None

    @model_validator(mode="after")
    def _one_interval(self) -> _Every:
        if (self.every is None) == (getattr(self, "minutes", None) is None):
            raise complain("say how often: every = 1000 (steps), or minutes = 10; one of the two")
        return self


def _table_of_observer(kind: type[Any], base: type[Table] = ObserverTable) -> Any:
    fields: Any = _fields_of(kind.__init__)
    return create_model(kind.__name__, __base__=base, __doc__=kind.__doc__, **fields)


class ResultTable(ObserverTable):
    """A result of a run, which is in a file in the end: else nobody would see it."""

    path: str
    kind: ClassVar[type[Result]]

    @property
    def arguments(self) -> dict[str, Any]:
        """Of the constructor."""
        return {name: getattr(self, name) for name in type(self).model_fields if name != "every"}


def _table_of_result(kind: type[Result]) -> type[ResultTable]:
    fields = {name: field for name, field in _fields_of(kind.__init__).items() if name != "path"}
    made: type[ResultTable] = create_model(kind.__name__, __base__=ResultTable, __doc__=kind.__doc__, **fields)
    made.kind = kind
    return made


RdfTable: Any = _table_of_result(Rdf)
MsdTable: Any = _table_of_result(Msd)
ProfileTable: Any = _table_of_result(Profile)
StructureFactorTable: Any = _table_of_result(StructureFactor)
AverageTable: Any = _table_of_result(Average)
RESULTS = "rdf", "msd", "profile", "structure_factor", "average"
"""The tables of results."""

ThermoTable: Any = _table_of_observer(Thermo)
TrajectoryTable: Any = _table_of_observer(Trajectory)
CheckpointTable: Any = _table_of_observer(Checkpoint, _Every)


def as_list_of_tables(value: Any) -> Any:
    """[interactions] with single brackets is one table; there can be several, hence [[interactions]]."""
    if isinstance(value, dict):
        raise complain("write [[interactions]], in double brackets: there can be several")
    return value


class Config(Table):
    """A whole input file."""

    particles: ParticlesTable
    box: BoxTable = BoxTable()
    interactions: Annotated[list[InteractionTables], Field(max_length=100), BeforeValidator(as_list_of_tables)] = []
    integrator: IntegratorTables
    minimize: MinimizeTable | None = None
    run: RunTable
    thermo: ThermoTable | None = None
    trajectory: TrajectoryTable | None = None
    rdf: RdfTable | None = None
    msd: MsdTable | None = None
    profile: ProfileTable | None = None
    structure_factor: StructureFactorTable | None = None
    average: AverageTable | None = None
    checkpoint: CheckpointTable | None = None

    @model_validator(mode="before")
    @classmethod
    def _refuse_unknown_keys(cls, data: Any) -> Any:
        for key in data:
            if key not in cls.model_fields:
                raise complain(f"unknown table [{key}]; {did_you_mean(key, cls.model_fields, '[{}]')}")
        return data


def load(path: Path, settings: Sequence[str] = (), changes: Mapping[str, Any] | None = None) -> Config:
    """Read a TOML file, with `key=value` settings on top (e.g. "integrator.dt=0.002"), and then values by key.

    Raises InputError for a file that is missing, is not TOML or does not fit the tables above.
    """
    return validated(path, read_tables(path, settings, changes))


def read_tables(path: Path, settings: Sequence[str] = (), changes: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """The tables of a TOML file with settings and values on top, as they stand there."""
    tables = read_file(path)
    for setting in settings:
        put(tables, *read_setting(setting), f"--set {setting}")
    for key, value in (changes or {}).items():
        put(tables, key, value, f"{path}: {key} = {shown(value)}")
    return tables


def validated(path: Path, tables: dict[str, Any]) -> Config:
    """What the tables of the file mean; InputError if they do not fit those above."""
    try:
        return Config.model_validate(tables)
    except ValidationError as error:
        raise InputError(f"{path}: {first_complaint(error)}") from error
