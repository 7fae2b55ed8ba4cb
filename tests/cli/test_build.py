"""From tables to particles, boxes and interactions, and what is said when they do not fit together."""

import subprocess
import sys

import numpy as np
import pytest

from motes.core.errors import InputError, MotesWarning
from motes.simulation.inputs.build import check_outputs, read_job
from naming import named

REST = """
[[interactions]]
kind = "pair"
energy = "epsilon*r"
cutoff = 2.0
epsilon = 1.0

[integrator]
kind = "velocity-verlet"
dt = 0.002

[run]
steps = 5
"""
RANDOM = "[particles]\nrandom = 64\nseed = 3\n"
XYZ = """4
Lattice="4 0 0 0 4 0 0 0 4" Properties=species:S:1:pos:R:3:width:R:1
Na-1 1.0 1.0 1.0 0.5
Na-1 1.0 1.0 2.0 0.5
B 1.0 2.0 1.0 1.5
B 2.0 1.0 1.0 1.5
"""
READ = '[particles]\nread = "four.xyz"\n'


@pytest.fixture
def four(write):
    """Four particles of the types Na-1 and B, beside the input file."""
    return write(XYZ, "four.xyz")


def build(write, text):
    return read_job(write(text))


def test_a_lattice(write):
    job = build(write, '[particles]\nlattice = "fcc"\ncells = [2, 3, 4]\ndensity = 0.5\nmass = 2.0\n' + REST)
    assert len(job.particles) == 4 * 2 * 3 * 4
    assert job.particles.density == pytest.approx(0.5)
    assert set(job.particles.mass) == {2.0}


def test_a_lattice_between_walls(write):
    lattice = '[particles]\nlattice = "fcc"\ncells = 2\ndensity = 0.5\n[box]\nboundary = "reflecting"\n'
    job = build(write, lattice + REST)
    assert job.particles.box.boundary == ("reflecting",) * 3


def test_temperature_makes_velocities(write):
    job = build(write, RANDOM + "density = 0.3\ntemperature = 1.5\n" + REST)
    twice_kinetic = (job.particles.mass[:, np.newaxis] * job.particles.velocities**2).sum()
    assert twice_kinetic / (3 * 63) == pytest.approx(1.5)


def test_random_particles_by_density_make_a_cube(write):
    job = build(write, RANDOM + "density = 1.0\n" + REST)
    np.testing.assert_allclose(job.particles.box.lengths, 4.0)


def test_random_particles_in_a_box(write):
    box = '[box]\nlengths = [5, 6]\nboundary = ["open", "periodic"]\norigin = [-1, 0]\n'
    job = build(write, RANDOM + "minimum_distance = 0.3\n" + box + REST)
    assert job.particles.box.boundary == ("open", "periodic")
    np.testing.assert_allclose(job.particles.box.origin, [-1, 0])


@pytest.mark.parametrize("extra", ["", "density = 1.0\n[box]\nlengths = [4, 4, 4]\n"])
def test_random_particles_need_one_size(write, extra):
    with pytest.raises(InputError, match=r"\[particles\]: random particles need a density .* one of the two"):
        build(write, RANDOM + extra + REST)


@pytest.mark.usefixtures("four")
def test_files_are_found_beside_the_input_file(write, monkeypatch, tmp_path_factory):
    path = write(READ + REST)
    monkeypatch.chdir(tmp_path_factory.mktemp("elsewhere"))
    assert len(read_job(path).particles) == 4


@pytest.mark.usefixtures("four")
def test_a_box_goes_before_the_file_s(write):
    job = build(write, READ + '[box]\nlengths = [9, 9, 9]\nboundary = "open"\n' + REST)
    assert job.particles.box.boundary == ("open",) * 3
    np.testing.assert_allclose(job.particles.box.lengths, 9.0)
    with pytest.raises(InputError, match=r"\[box\] origin needs lengths"):
        build(write, READ + "[box]\norigin = [0, 0, 0]\n" + REST)


def test_a_missing_file_of_particles(write):
    with pytest.raises(InputError, match=r"fluid\.toml: \[particles\]: .*four\.xyz: there is no such file"):
        build(write, READ + REST)


@pytest.mark.usefixtures("four")
def test_tables_by_type_also_of_types_with_dashes(write):
    table = '{"Na-1-Na-1" = 1, "B-Na-1" = 2, B-B = 3}'
    (pair,) = build(write, READ + REST.replace("epsilon = 1.0", f"epsilon = {table}")).interactions
    bound = pair.bind(named(("B", "Na-1")))
    np.testing.assert_array_equal(bound.pair.tables["epsilon"], [[3, 2], [2, 1]])


@pytest.mark.usefixtures("four")
def test_integer_types_and_square_arrays(write):
    write(XYZ.replace("Na-1", "A"), "four.xyz")
    (pair,) = build(write, READ + REST.replace("epsilon = 1.0", "epsilon = [[1, 2], [2, 5]]")).interactions
    np.testing.assert_array_equal(pair.bind(named(("A", "B"))).pair.tables["epsilon"], [[1, 2], [2, 5]])


@pytest.mark.usefixtures("four")
@pytest.mark.parametrize("key", ["B", "-".join("ABC"), "B-B-B"])
def test_keys_that_are_no_types(write, key):
    message = rf'\[\[interactions\]\] number 1: epsilon: "{key}" are no two types like "A-B"; .* B, Na-1'
    with pytest.raises(InputError, match=message):
        build(write, READ + REST.replace("epsilon = 1.0", f'epsilon = {{"{key}" = 1.0}}'))


@pytest.mark.usefixtures("four")
def test_mixed_attributes(write):
    mixed = 'epsilon = {mix = "width", rule = "arithmetic"}'
    job = build(write, READ + REST.replace("epsilon = 1.0", mixed))
    bound = job.interactions[0].bind(named(job.particles.type_names, job.particles.attributes))
    assert bound.pair.attributes == ("width",)


def test_a_function_of_a_file_beside_the_input_file(write):
    write("def spring(r, epsilon):\n    return epsilon * r**2 / 2\n", "energies.py")
    text = RANDOM + "density = 1.0\n" + REST.replace('energy = "epsilon*r"', 'function = "energies.py:spring"')
    (pair,) = build(write, text).interactions
    assert pair.bind(named()).name.startswith("spring")


@pytest.mark.parametrize(
    ("function", "message"),
    [
        ("energies.py", r"function = 'energies\.py': write \"file\.py:name\""),
        ("energies.txt:spring", r".*write \"file\.py:name\""),
        ("absent.py:spring", r"there is no file .*absent\.py"),
        ("energies.py:sprng", r".*there is no function sprng in .*energies\.py; did you mean 'spring'\?"),
        ("broken.py:spring", r".*broken\.py cannot be loaded: ZeroDivisionError"),
    ],
)
def test_functions_that_are_not_there(write, function, message):
    write("def spring(r, epsilon):\n    return epsilon * r\n", "energies.py")
    write("1 / 0\n", "broken.py")
    text = RANDOM + "density = 1.0\n" + REST.replace('energy = "epsilon*r"', f'function = "{function}"')
    with pytest.raises(InputError, match=rf"fluid\.toml: \[\[interactions\]\] number 1: {message}"):
        build(write, text)


def test_built_in_names(write):
    named = REST.replace('energy = "epsilon*r"', 'name = "lennard-jnes"')
    with pytest.raises(InputError, match=r"'lennard-jnes' is no built-in .*; did you mean 'lennard-jones'\?"):
        build(write, RANDOM + "density = 1.0\n" + named)


def test_an_expression_can_not_do_anything(write):
    text = REST.replace("epsilon*r", "__import__('os').getcwd()")
    with pytest.raises(InputError, match=r"fluid\.toml: \[\[interactions\]\] number 1: "):
        build(write, RANDOM + "density = 1.0\n" + text)


@pytest.mark.parametrize(
    ("outputs", "message"),
    [
        ('[thermo]\nevery = 1\npath = "fluid.toml"', r"\[thermo\]: path = 'fluid\.toml' is the input file"),
        (
            '[trajectory]\nevery = 1\npath = "./four.xyz"',
            r"\[trajectory\]: path = '\./four\.xyz' is the file the particles are read from",
        ),
        (
            '[thermo]\nevery = 1\npath = "out"\n[trajectory]\nevery = 1\npath = "out"',
            r"\[trajectory\]: path = 'out' is already the path of \[thermo\]",
        ),
    ],
)
@pytest.mark.usefixtures("four")
def test_outputs_never_meet_inputs_or_one_another(write, outputs, message):
    with pytest.raises(InputError, match=message):
        check_outputs(build(write, READ + REST + outputs))


@pytest.mark.parametrize(
    ("integrator", "words"),
    [
        ('kind = "velocity-verlet"', "VelocityVerlet(dt=0.002)"),
        (
            'kind = "langevin"\ntemperature = 2.0\nfriction = 3.0\nseed = 4',
            "Langevin(dt=0.002, temperature=2.0, friction=3.0, seed=4)",
        ),
        (
            'kind = "brownian"\ntemperature = 2.0\nfriction = 3.0\nseed = 4',
            "Brownian(dt=0.002, temperature=2.0, friction=3.0, seed=4)",
        ),
        (
            'kind = "bussi"\ntemperature = 2.0\ntau = 0.1\nseed = 4',
            "Bussi(dt=0.002, temperature=2.0, tau=0.1, seed=4)",
        ),
    ],
)
def test_integrators(write, integrator, words):
    text = RANDOM + "density = 0.1\n" + REST.replace('kind = "velocity-verlet"', integrator)
    assert repr(build(write, text).simulation().integrator) == words


@pytest.mark.parametrize("kind", ["langevin", "brownian"])
def test_friction_by_type_in_a_file(write, kind):
    path = write(f"""
        [particles]
        random = 10
        density = 0.1
        seed = 1
        [integrator]
        kind = "{kind}"
        dt = 0.01
        temperature = 0
        friction = {{A = 2.0}}
        seed = 1
        [run]
        steps = 1
    """)
    assert read_job(path).simulation().integrator.friction == {"A": 2.0}
    with pytest.raises(InputError, match=r"\[integrator\]: friction = true is no number, table by type"):
        read_job(path, ("integrator.friction=true",))
    with pytest.raises(InputError, match="friction: the particles have no attribute 'drag'"):
        read_job(path, ("integrator.friction=drag",)).simulation()


def test_options_of_reading(write):
    write(XYZ.replace("4\nLattice", "4\nNo"), "four.of.mine")
    text = (
        '[particles]\nread = "four.of.mine"\nformat = "xyz"\nmass = {Na-1 = 2.0, B = 3.0}\n[box]\nlengths = [4, 4, 4]\n'
    )
    job = build(write, text.replace("Na-1 =", '"Na-1" =') + REST)
    assert job.particles.mass.tolist() == [2, 2, 3, 3]
    flat = '[particles]\nread = "four.data"\nmass = {1 = 2.5}\ndimensions = 2\nstyle = "molecular"\nbonds = "ignore"\n'
    data = "title\n1 atoms\n1 atom types\n1 bonds\n0 4 xlo xhi\n0 4 ylo yhi\n0 1 zlo zhi\n\nAtoms\n\n1 1 1 1 1 0\n"
    write(data + "\nBonds\n\n1 1 1 1\n", "four.data")
    particles = build(write, flat + REST).particles
    assert (particles.mass.tolist(), particles.box.dimensions) == ([2.5], 2)
    with pytest.raises(InputError, match="bond 0 has a particle twice"):
        build(write, flat.replace('bonds = "ignore"\n', "") + REST)


@pytest.mark.parametrize("mass", ["true", "-1", '"heavy"', "{}", "{A = true}"])
def test_masses_that_are_none(write, mass):
    with pytest.raises(InputError, match=r"\[particles\]: mass .*is not a number above 0"):
        build(write, READ + f"mass = {mass}\n" + REST)


def test_greek_names_and_tables_from_a_file(write):
    """The micro sign of keyboards is the letter mu to Python."""
    greek = REST.replace("epsilon*r", "\N{MICRO SIGN}*r").replace("epsilon =", '"\N{MICRO SIGN}" =')
    job = build(write, RANDOM + "density = 0.3\n" + greek)
    assert job.bound[0].pair.uniform == {"\N{GREEK SMALL LETTER MU}": 1.0}
    write("import motes\ntable = motes.Table([0.5, 1.0, 1.5, 2.0], [4.0, 1.0, 0.5, 0.0])\n", "tables.py")
    tabled = REST.replace('energy = "epsilon*r"', 'function = "tables.py:table"').replace("epsilon = 1.0\n", "")
    job = build(write, RANDOM + "density = 0.3\n" + tabled)
    assert job.bound[0].name == "Table"


@pytest.mark.usefixtures("four")
def test_values_for_types_that_no_particle_has_are_reported(write):
    table = '{"Na-1-Na-1" = 1, "B-Na-1" = 2, B-B = 3, B-C = 4}'
    (pair,) = build(write, READ + REST.replace("epsilon = 1.0", f"epsilon = {table}")).interactions
    with pytest.warns(MotesWarning, match=r"epsilon: there is a value for type 'C', which nothing here has"):
        bound = pair.bind(named(("B", "Na-1")))
    np.testing.assert_array_equal(bound.pair.tables["epsilon"], [[3, 2], [2, 1]])
    with pytest.raises(InputError, match=r"no value for the types .*; it has one for 'C', which is unknown"):
        build(write, READ + REST.replace("epsilon = 1.0", 'epsilon = {"B-C" = 2, "B-B" = 3}'))


@pytest.mark.usefixtures("four")
def test_a_warning_is_one_line_of_the_command(write):
    """That a value is for a type which nothing has is noticed wherever the interaction is bound to particles."""
    table = '{"Na-1-Na-1" = 1, "B-Na-1" = 2, B-B = 3, B-C = 4}'
    path = write(READ + REST.replace("epsilon = 1.0", f"epsilon = {table}"))
    command = [sys.executable, "-m", "motes", "check", str(path)]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=300)
    assert len(done.stderr.splitlines()) == 1, done.stderr
    assert done.stderr.startswith("motes: warning: ")
    assert "a value for type 'C', which nothing here has" in done.stderr
