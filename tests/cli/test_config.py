"""Every message that a wrong input file can get: one line with file, table, key and what would be right."""

from pathlib import Path

import pytest

from motes.core.errors import InputError
from motes.simulation.inputs.config import LatticeParticles, Mix, load

GOOD = """
[particles]
read = "melt.data"

[[interactions]]
kind = "pair"
energy = "4*epsilon*((sigma/r)**12 - (sigma/r)**6)"
cutoff = 2.5
epsilon = 1.0
sigma = 1

[integrator]
kind = "velocity-verlet"
dt = 0.005

[run]
steps = 1000
"""


@pytest.fixture
def write(tmp_path, monkeypatch):
    """Write the text to melt.toml, in what is then the current folder."""
    monkeypatch.chdir(tmp_path)

    def write(text: str) -> Path:
        path = Path("melt.toml")
        path.write_text(text, encoding="utf-8")
        return path

    return write


def test_a_whole_file(write):
    config = load(write(GOOD))
    assert config.particles.read == "melt.data"
    assert config.interactions[0].parameters == {"epsilon": 1.0, "sigma": 1.0}
    assert config.integrator.dt == 0.005
    assert config.run.steps == 1000
    assert config.thermo is None
    assert config.trajectory is None


def test_every_form_of_a_parameter(write):
    parameters = """epsilon = {A-A = 1, "A-B" = 1.5, "B-B" = 0.5}
depth = [[1, 2], [2, 3.5]]
width = {mix = "width", rule = "geometric"}"""
    (pair,) = load(write(GOOD.replace("epsilon = 1.0", parameters))).interactions
    assert pair.parameters == {
        "epsilon": {"A-A": 1.0, "A-B": 1.5, "B-B": 0.5},
        "depth": [[1.0, 2.0], [2.0, 3.5]],
        "width": Mix(mix="width", rule="geometric"),
        "sigma": 1.0,
    }


def test_one_number_of_cells_is_for_all_axes(write):
    config = load(write(GOOD.replace('read = "melt.data"', 'lattice = "fcc"\ncells = 5\ndensity = 0.8')))
    assert config.particles == LatticeParticles(lattice="fcc", cells=[5, 5, 5], density=0.8)


def test_one_boundary_or_one_an_axis(write):
    assert load(write(GOOD + '[box]\nboundary = "open"')).box.boundary == ["open"]
    mixed = load(write(GOOD + '[box]\nboundary = ["open", "periodic", "reflecting"]')).box.boundary
    assert mixed == ["open", "periodic", "reflecting"]


PARTICLES = 'read = "melt.data"'
PARAMETER_FORMS = (
    'a number, a table like {"A-B" = 1.0}, an array [[1.0]], {mix = "sigma", rule = "arithmetic"}, or '
    "{ramp = [2.0, 0.5], steps = 1000}"
)

ONE_ENERGY = "needs exactly one of 'energy' (a formula), 'function' (\"file.py:name\") and 'name'"

WRONG = [
    # the nearest known key, or all of them where none is near
    ("dt = 0.005", "dtt = 0.005", "[integrator]: unknown key 'dtt'; did you mean 'dt'?"),
    (
        "steps = 1000",
        "steps = 1\nwhere = 2",
        "[run]: unknown key 'where'; known are 'steps', 'threads', 'skin'",
    ),
    ("[integrator]", "[integrater]", "unknown table [integrater]; did you mean [integrator]?"),
    ("cutoff", "cutof", "[[interactions]] number 1: unknown key 'cutof'; did you mean 'cutoff'?"),
    (
        "epsilon = 1.0",
        'shfit = "force"',
        "[[interactions]] number 1: unknown key 'shfit'; did you mean 'shift'?",
    ),
    # what is missing
    ("dt = 0.005", "", "[integrator]: the key 'dt' is missing"),
    ("[run]\nsteps = 1000", "", "[run]: this table is missing"),
    ('kind = "velocity-verlet"', "", "[integrator]: the key 'kind' is missing"),
    ('kind = "pair"', "", "[[interactions]] number 1: the key 'kind' is missing"),
    ("cutoff = 2.5", "", "[[interactions]] number 1: the key 'cutoff' is missing"),
    (
        PARTICLES,
        "",
        '[particles]: say where particles come from: read = "file", lattice = "fcc" or random = 1000',
    ),
    (
        PARTICLES,
        PARTICLES + "\ntemperature = 1.44",
        "[particles]: 'temperature' draws velocities, so give a 'seed' as well, e.g. seed = 1",
    ),
    (PARTICLES, "random = 10\ndensity = 0.1", "[particles]: the key 'seed' is missing"),
    (
        "epsilon = 1.0",
        'epsilon = {mix = "a"}',
        "[[interactions]] number 1: the key 'epsilon.rule' is missing",
    ),
    # values of another kind
    ("dt = 0.005", 'dt = "0.005"', "[integrator]: dt = '0.005' is not a number"),
    ("dt = 0.005", "dt = nan", "[integrator]: dt = nan is not a finite number"),
    ("dt = 0.005", "dt = -0.005", "[integrator]: dt = -0.005 must be greater than 0"),
    ("steps = 1000", "steps = 10.5", "[run]: steps = 10.5 is not a whole number"),
    ("steps = 1000", "steps = true", "[run]: steps = true is not a whole number"),
    ("steps = 1000", "steps = -1", "[run]: steps = -1 must be at least 0"),
    ("steps = 1000", "steps = 1\nthreads = 0", "[run]: threads = 0 must be at least 1"),
    ("steps = 1000", "steps = 1\n[thermo]\nevery = 0", "[thermo]: every = 0 must be at least 1"),
    (
        "steps = 1000",
        "steps = 1\n[trajectory]\nevery = 1\npath = 3",
        "[trajectory]: path = 3 is not a string",
    ),
    (
        "steps = 1000",
        'steps = 1\n[thermo]\nevery = 1\noverwrite = "yes"',
        "[thermo]: overwrite = 'yes' is not true or false",
    ),
    ("[run]\nsteps = 1000", "[[run]]\nsteps = 1", "[run]: [{'steps': 1}] is not a table"),
    (
        "[[interactions]]",
        "[interactions]",
        "[[interactions]]: write [[interactions]], in double brackets: there can be several",
    ),
    ("cutoff = 2.5", "cutoff = 0", "[[interactions]] number 1: cutoff = 0 must be greater than 0"),
    (
        "cutoff = 2.5",
        "cutoff = {A-A = 1, A-B = -2}",
        "[[interactions]] number 1: cutoff = {'A-A': 1, 'A-B': -2} must be greater than 0",
    ),
    (
        "cutoff = 2.5",
        'cutoff = {mix = "a", rule = "arithmetic"}',
        (
            "[[interactions]] number 1: cutoff = {'mix': 'a', 'rule': 'arithmetic'} is neither a number nor "
            "a table by type; mixing rules are for parameters"
        ),
    ),
    (
        "epsilon = 1.0",
        "epsilon = true",
        f"[[interactions]] number 1: epsilon = true is not {PARAMETER_FORMS}",
    ),
    (
        "epsilon = 1.0",
        'epsilon = {A-A = "1"}',
        f"[[interactions]] number 1: epsilon = {{'A-A': '1'}} is not {PARAMETER_FORMS}",
    ),
    (
        "epsilon = 1.0",
        "epsilon = [[1, 2], [3]]",
        (
            "[[interactions]] number 1: epsilon = [[1, 2], [3]] is not a square array of numbers, "
            "one row and one column for each type"
        ),
    ),
    # words that are not among the known ones
    (
        'kind = "velocity-verlet"',
        'kind = "velocity-verlt"',
        "[integrator]: kind = 'velocity-verlt' is unknown; did you mean 'velocity-verlet'?",
    ),
    (
        'kind = "velocity-verlet"',
        'kind = "x"',
        "[integrator]: kind = 'x' is unknown; known are 'velocity-verlet', 'langevin', 'brownian', 'bussi'",
    ),
    (
        'kind = "pair"',
        'kind = "gravity"',
        (
            "[[interactions]] number 1: kind = 'gravity' is unknown; "
            "known are 'pair', 'pair-force', 'embedded', 'bond', 'angle', 'field'"
        ),
    ),
    (
        "epsilon = 1.0",
        'shift = "both"',
        "[[interactions]] number 1: shift = 'both' is unknown; known: 'energy' or 'force'",
    ),
    (
        "epsilon = 1.0",
        'epsilon = {mix = "a", rule = "median"}',
        "[[interactions]] number 1: epsilon.rule = 'median' is unknown; known: 'arithmetic' or 'geometric'",
    ),
    (
        "steps = 1000",
        'steps = 1\n[box]\nboundary = "perodic"',
        "[box]: boundary = 'perodic' has an unknown word; did you mean 'periodic'?",
    ),
    (
        "steps = 1000",
        "steps = 1\n[box]\nboundary = 3",
        "[box]: boundary = 3 is neither a word nor a list of one word an axis",
    ),
    ("steps = 1000", "steps = 1\n[box]\nlengths = [1]", "[box]: lengths = [1] must have at least 2 items"),
    (
        "steps = 1000",
        "steps = 1\n[box]\nlengths = [1, 2, 3, 4]",
        "[box]: lengths = [1, 2, 3, 4] must have at most 3 items",
    ),
    # exactly one energy
    (
        'energy = "4*epsilon*((sigma/r)**12 - (sigma/r)**6)"',
        "",
        f"[[interactions]] number 1: {ONE_ENERGY}; none of them is given",
    ),
    (
        "epsilon = 1.0",
        'name = "lennard-jones"',
        f"[[interactions]] number 1: {ONE_ENERGY}; 'energy' and 'name' are given",
    ),
    # no TOML
    ("steps = 1000", "steps = ", "this is not TOML: Invalid value (at line 17, column 9)"),
]


@pytest.mark.parametrize(("good", "wrong", "message"), WRONG, ids=[message[:60] for _, _, message in WRONG])
def test_one_line_says_what_where_and_what_would_be_right(write, good, wrong, message):
    assert GOOD.count(good) == 1
    path = write(GOOD.replace(good, wrong))
    with pytest.raises(InputError) as caught:
        load(path)
    assert str(caught.value) == f"melt.toml: {message}"


def test_the_first_error_is_shown_and_the_others_counted(write):
    path = write(GOOD.replace("dt = 0.005", "dt = -1").replace("steps = 1000", "steps = 1.5\nskin = 0"))
    with pytest.raises(InputError, match=r"dt = -1 must be greater than 0 \(and 2 more errors"):
        load(path)


def test_the_second_interaction_is_number_2(write):
    second = '[[interactions]]\nkind = "pair"\nname = "morse"\ncutoff = "far"\n'
    with pytest.raises(InputError, match=r"\[\[interactions\]\] number 2: cutoff = 'far' is not a number"):
        load(write(GOOD + second))


def test_long_values_are_cut(write):
    with pytest.raises(InputError) as caught:
        load(write(GOOD.replace("dt = 0.005", f'dt = "{"a" * 500}"')))
    assert len(str(caught.value)) < 120


def test_files_that_cannot_be_read(write, tmp_path):
    write(GOOD)
    with pytest.raises(InputError, match=r"absent\.toml: there is no such file"):
        load(Path("absent.toml"))
    with pytest.raises(InputError, match="cannot be read: Is a directory"):
        load(tmp_path)
    Path("melt.toml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(InputError, match=r"melt\.toml: this is no text in UTF-8"):
        load(Path("melt.toml"))


def test_settings_go_before_the_file(write):
    settings = [
        "integrator.dt = 0.002",
        "interactions.1.epsilon=2",
        "interactions.1.shift=force",
        "thermo.every=5",
        "box.boundary=['open', 'periodic', 'open']",
        'particles.read="other.data"',
    ]
    config = load(write(GOOD), settings)
    assert config.integrator.dt == 0.002
    assert config.interactions[0].parameters["epsilon"] == 2.0
    assert config.interactions[0].shift == "force"
    assert config.thermo.every == 5
    assert config.box.boundary == ["open", "periodic", "open"]
    assert config.particles.read == "other.data"


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ("steps=1", "--set steps=1: write table.key=value, e.g. --set integrator.dt=0.002"),
        ("run.steps", "--set run.steps: write table.key=value, e.g. --set integrator.dt=0.002"),
        ("run.=1", "--set run.=1: write table.key=value, e.g. --set integrator.dt=0.002"),
        (
            "interactions.epsilon=2",
            "--set interactions.epsilon=2: say which table, counted from 1, e.g. interactions.1.epsilon",
        ),
        (
            "interactions.2.epsilon=2",
            "--set interactions.2.epsilon=2: there is no table 2 there; lists of tables are counted from 1",
        ),
        ("run.steps.more=2", "--set run.steps.more=2: run.steps is no table, so it has no more"),
        ("run.stps=2", "melt.toml: [run]: unknown key 'stps'; did you mean 'steps'?"),
        ("integrator.dt=fast", "melt.toml: [integrator]: dt = 'fast' is not a number"),
    ],
)
def test_settings_that_are_wrong(write, setting, message):
    with pytest.raises(InputError) as caught:
        load(write(GOOD), [setting])
    assert str(caught.value) == message
