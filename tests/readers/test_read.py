import gzip
from pathlib import Path

import gsd.hoomd
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from motes.core.box import Box
from motes.core.errors import InputError, MotesWarning
from motes.particles.readers import read, rows

LAMMPS = Path(__file__).parents[1] / "data" / "lammps"

DATA = """a title

3 atoms
2 atom types
1 bonds
1 bond types

-1.0 3.0 xlo xhi
0 4 ylo yhi
0 4 zlo zhi

Masses

2 4.0  # heavy
1 1.5

Pair Coeffs # lj/cut

1 1.0 1.0
2 1.0 1.0

Atoms # atomic

7 1 0.5 1.0 1.0
3 2 3.5 -1.0 1.0  # both outside
5 1 1.0 1.0 3.5

Velocities

5 0.5 0 0
7 0.7 0 0
3 0.3 -1 2e-1

Bonds

1 1 3 5
"""

XYZ = """2
Lattice="4 0 0 0 5 0 0 0 6" Properties=species:S:1:pos:R:3 pbc="T T T"
A 1.0 1.0 1.0
B 2.0 2.0 2.0
3
Lattice="4 0 0 0 5 0 0 0 6" Properties=species:S:1:pos:R:3:vel:R:3:charge:R:1:force:R:3:id:I:1 pbc="T T F" t=3
B 1.0 1.0 1.0  0.1 0 0  -1.0  9 9 9  4
A 5.0 2.0 2.0  0.2 0 0   2.0  9 9 9  2
B 3.0 3.0 6.0  0.3 0 0   3.5  9 9 9  9
"""


def written(tmp_path, name, text):
    path = tmp_path / name
    path.write_text(text)
    return path


def with_atoms(style, *atoms, types=1, more=""):
    return (
        f"title\n{len(atoms)} atoms\n{types} atom types\n0 4 xlo xhi\n0 4 ylo yhi\n0 4 zlo zhi\n\n{more}"
        f"Atoms{' # ' + style if style else ''}\n\n" + "\n".join(atoms) + "\n"
    )


MASSES = "Masses\n\n1 1.0\n\n"


# LAMMPS data


@pytest.mark.parametrize("block", [7, rows.ROWS_IN_BLOCK])
def test_melt_is_what_lammps_has_in_memory(block, monkeypatch):
    monkeypatch.setattr(rows, "ROWS_IN_BLOCK", block)
    expected, particles = np.load(LAMMPS / "lj4k_in_lj.npz"), read(LAMMPS / "melt-4000.data")
    np.testing.assert_allclose(particles.positions, expected["x_0"], rtol=0, atol=particles.box.spacing)
    np.testing.assert_array_equal(particles.velocities, expected["v_0"])
    np.testing.assert_allclose(particles.box.lengths, expected["box"][3:6], rtol=1e-15)
    np.testing.assert_array_equal(particles.ids, np.arange(1, 4001))
    assert particles.type_names == (1,)
    assert (particles.mass == 1).all()


def test_compressed_melt_has_the_published_temperature():
    particles = read(str(LAMMPS / "melt-32000.data.gz"))
    assert len(particles) == 32_000
    assert (particles.velocities**2).sum() / (3 * 31_999) == pytest.approx(1.44, rel=1e-12)


def test_lammps_sections_are_matched_by_id_and_type(tmp_path):
    with pytest.warns(MotesWarning, match=r"a.data: Pair Coeffs are not read: give these numbers to interactions"):
        particles = read(written(tmp_path, "a.data", DATA), bonds="ignore")
    assert particles.ids.tolist() == [7, 3, 5]
    assert particles.velocities.tolist() == [[0.7, 0, 0], [0.3, -1, 0.2], [0.5, 0, 0]]
    assert particles.mass.tolist() == [1.5, 4, 1.5]
    assert particles.types.tolist() == [0, 1, 0]
    assert particles.type_names == (1, 2)
    assert particles.box == Box([4, 4, 4], origin=[-1, 0, 0])
    assert particles.positions.tolist() == [[0.5, 1, 1], [-0.5, 3, 1], [1, 1, 3.5]]


def test_lammps_sections_come_in_any_order_and_windows_line_ends(tmp_path):
    head, atoms, velocities = DATA.partition("Atoms")[0], DATA.partition("Atoms")[2], ""
    atoms, _, velocities = atoms.partition("Velocities")
    moved = f"{head}Velocities{velocities}\nAtoms{atoms}".replace("\n", "\r\n")
    original, reordered = (
        read(written(tmp_path, "a.data", DATA), bonds="ignore"),
        read(written(tmp_path, "b.data", moved), bonds="ignore"),
    )
    np.testing.assert_array_equal(reordered.velocities, original.velocities)
    np.testing.assert_array_equal(reordered.positions, original.positions)


@pytest.mark.parametrize("image", ["", " 0 -1 2"])
@pytest.mark.parametrize(
    ("style", "row", "attributes"),
    [
        ("atomic", "1 1 1 2 3", {}),
        ("charge", "1 1 -0.5 1 2 3", {"charge": -0.5}),
        ("molecular", "1 9 1 1 2 3", {"molecule": 9}),
        ("bond", "1 9 1 1 2 3", {"molecule": 9}),
        ("full", "1 9 1 -0.5 1 2 3", {"molecule": 9, "charge": -0.5}),
    ],
)
def test_lammps_atom_styles(tmp_path, style, row, attributes, image):
    path = written(tmp_path, "a.data", with_atoms(style, row + image, more=MASSES))
    particles = read(path)
    assert particles.positions.tolist() == [[1, 2, 3]]
    assert {name: values.tolist() for name, values in particles.attributes.items()} == {
        name: [value] for name, value in attributes.items()
    }
    unnamed = written(tmp_path, "b.data", with_atoms("", row + image, more=MASSES))
    np.testing.assert_array_equal(read(unnamed, style=style).positions, particles.positions)


def test_lammps_spheres_have_mass_by_size(tmp_path):
    text = (
        with_atoms("sphere", "1 1 2.0 3.0 1 1 1", "2 1 0 5.0 2 2 2") + "\nVelocities\n\n1 1 2 3 9 9 9\n2 0 0 0 9 9 9\n"
    )
    particles = read(written(tmp_path, "a.data", text))
    np.testing.assert_allclose(particles.mass, [3.0 * 4 / 3 * np.pi, 5.0])
    assert particles.attributes["diameter"].tolist() == [2, 0]
    assert particles.velocities[0].tolist() == [1, 2, 3]


def test_lammps_options(tmp_path):
    path = written(tmp_path, "a.data", with_atoms("atomic", "1 1 1 2 3"))
    with pytest.raises(InputError, match="no section Masses"):
        read(path)
    assert read(path, mass=2.5).mass.tolist() == [2.5]
    assert read(path, mass=1.0, boundary="open").box.boundary == ("open",) * 3
    flat = read(path, mass=1.0, dimensions=2)
    assert flat.positions.tolist() == [[1, 2]]
    own = Box([5.0, 5.0, 5.0])
    assert read(path, box=own, mass=1.0).box is own


def test_lammps_type_labels_become_type_names(tmp_path):
    labels = "Atom Type Labels\n\n2 Ar\n1 Kr\n\nMasses\n\n1 80\n2 40\n\n"
    particles = read(written(tmp_path, "a.data", with_atoms("atomic", "1 2 1 1 1", "2 1 2 2 2", types=2, more=labels)))
    assert [particles.type_names[code] for code in particles.types] == ["Ar", "Kr"]
    assert particles.mass.tolist() == [40, 80]


@pytest.mark.parametrize(
    ("old", "new", "line", "message"),
    [
        ("3 atoms", "4 atoms", 22, "Atoms has 3 rows; the header says 4 atoms"),
        ("3 atoms", "999999999999 atoms", 22, "Atoms has 3 rows"),
        ("3 atoms", "three atoms", 3, "'three atoms' is not the name of a section"),
        ("3 atoms", "-3 atoms", 3, "is no header line"),
        ("3 atoms", "", None, "the header has no line '... atoms'"),
        ("0 4 ylo yhi", "", None, "the header has no line '... ylo yhi'"),
        ("0 4 ylo yhi", "4 0 ylo yhi", 9, "expected the lower bound first"),
        ("0 4 ylo yhi", "0 inf ylo yhi", 9, "'inf' is not a finite number"),
        ("0 4 zlo zhi", "0 4 zlo zhi\n0.1 0 0 xy xz yz", 11, "triclinic boxes are not supported"),
        ("2 4.0", "2 -4.0", 14, "Masses has a mass that is not positive"),
        ("2 4.0", "1 4.0", 15, "Masses has a type that occurred before"),
        ("2 4.0", "9 4.0", 14, "Masses has a type that is not one of 1 to 2"),
        ("2 4.0", "2 heavy", 14, "mass is 'heavy'; expected a finite number"),
        ("# atomic", "# dipole", 22, "the file says 'Atoms # dipole', and such cannot be read"),
        ("# atomic", "# of ice", 22, "unknown atom style 'of'"),
        ("5 1 1.0 1.0 3.5", "5 1 1.0 1.0", 26, r"expected 5 columns \(id type x y z\), found 4"),
        ("5 1 1.0 1.0 3.5", "5 1 1.0 1.0 nan", 26, "z is 'nan'; expected a finite number"),
        ("5 1 1.0 1.0 3.5", "5 1 1.0 1.0 3.5.1", 26, "z is '3.5.1'; expected a finite number"),
        ("5 1 1.0 1.0 3.5", "5.5 1 1.0 1.0 3.5", 26, "id is '5.5'; expected a whole number"),
        ("5 1 1.0 1.0 3.5", "3 1 1.0 1.0 3.5", 26, "Atoms has an atom id that occurred before"),
        ("5 1 1.0 1.0 3.5", "0 1 1.0 1.0 3.5", 26, "Atoms has an atom id below 1"),
        ("5 1 1.0 1.0 3.5", "5 3 1.0 1.0 3.5", 26, "Atoms has a type that is not one of 1 to 2"),
        ("5 1 1.0 1.0 3.5", "5 1 1.0 1.0 3.5\n\n6 1 1 1 1", 28, "'6 1 1 1 1' is not the name of a section"),
        ("7 0.7 0 0", "8 0.7 0 0", 31, "Velocities has an id that no atom has"),
        ("7 0.7 0 0", "5 0.7 0 0", 31, "Velocities has an atom id that occurred before"),
        ("7 0.7 0 0\n", "", 28, "Velocities has 2 rows"),
        ("1 1 3 5\n", "", 34, "Bonds has 0 rows; the header says 1 bonds"),
        ("Bonds\n\n1 1 3 5\n", "", None, "there is no section Bonds, but the header counts them"),
        ("7 0.7", "\u0967 0.7", 31, "expected plain ASCII characters"),
        ("Bonds", "Atoms", 34, "a second section Atoms"),
        ("Atoms", "Particles", 22, "'Particles' is not the name of a section"),
    ],
)
def test_malformed_lammps_data_names_file_and_line(tmp_path, monkeypatch, old, new, line, message):
    monkeypatch.setattr(rows, "ROWS_IN_BLOCK", 2)  # so that the third row is in the second block
    assert old in DATA
    path = written(tmp_path, "bad.data", DATA.replace(old, new, 1))
    with pytest.raises(InputError, match=message) as caught:
        read(path)
    where = f"{path}, line {line}: " if line else f"{path}: "
    assert str(caught.value).startswith(where)
    assert str(caught.value).count("bad.data") == 1


def test_no_prefix_of_a_lammps_file_is_taken_for_the_whole(tmp_path):
    end = DATA.index("1 1 3 5") + len("1 1 3 5")
    for length in range(DATA.index("1 1 3 5")):
        with pytest.raises(InputError):
            read(written(tmp_path, "cut.data", DATA[:length]))
    assert len(read(written(tmp_path, "whole.data", DATA[:end]), bonds="ignore")) == 3


@settings(deadline=None, max_examples=150)
@given(st.sampled_from([("a.data", DATA), ("a.xyz", XYZ)]), st.floats(0, 1), st.text(min_size=1, max_size=3))
def test_any_other_text_is_read_or_refused(tmp_path_factory, file, fraction, text):
    """Nothing but an InputError that names the file, whatever stands in it."""
    name, good = file
    start = int(fraction * len(good))
    path = tmp_path_factory.getbasetemp() / name
    path.write_text(good[:start] + text + good[start + 1 :], encoding="utf-8", errors="replace")
    message = str(path)
    try:
        read(path)
    except InputError as error:
        message = str(error)
    assert message.startswith(str(path))


def test_an_unnamed_style_that_could_be_two_is_not_guessed(tmp_path):
    path = written(tmp_path, "a.data", with_atoms("", "1 1 1 1 2 3", more=MASSES))
    with pytest.raises(InputError, match="line 12: the atom style is not named"):
        read(path)
    named = written(tmp_path, "b.data", with_atoms("charge", "1 1 1 1 2 3", more=MASSES))
    with pytest.raises(InputError, match="'Atoms # charge', and the option style 'bond'"):
        read(named, style="bond")


def test_an_atom_outside_a_reflecting_box_is_named(tmp_path):
    path = written(tmp_path, "a.data", DATA)
    with pytest.raises(InputError, match=r"a\.data: positions: particle id 3 "):
        read(path, boundary=["periodic", "reflecting", "periodic"], bonds="ignore")


# Any file


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("none.data", {}, "there is no such file"),
        ("a.pdb", {}, "unknown format"),
        (
            "a.data",
            {"frame": 1},
            "unknown option 'frame'; known are 'bonds', 'boundary', 'dimensions', 'mass', 'style'",
        ),
        ("a.data", {"style": "ellipsoid"}, "unknown style 'ellipsoid'"),
        ("a.data", {"bonds": True}, "bonds: expected .ignore., or nothing, got True"),
        ("a.data", {"format": "cif"}, "unknown format 'cif'; known are 'lammps', 'gsd', 'xyz'"),
        ("a.data", {"mass": 1.0, "bonds": "ignore"}, "masses of its own"),
        ("a.data", {"dimensions": 4}, "2 or 3 dimensions"),
        ("a.data", {"boundary": "closed", "bonds": "ignore"}, "box boundary"),
        ("a.data", {"boundary": "open", "box": Box([9, 9, 9])}, "got both"),
        ("folder.data", {}, "cannot be read"),
    ],
)
def test_what_read_refuses(tmp_path, name, options, message):
    written(tmp_path, "a.data", DATA)
    (tmp_path / "folder.data").mkdir()
    with pytest.raises(InputError, match=message) as caught:
        read(tmp_path / name, **options)
    assert name in str(caught.value)


def test_damaged_compression_is_an_input_error(tmp_path):
    packed = gzip.compress(DATA.encode())
    for damaged in (packed[:-20], b"not compressed", packed[:30] + b"\0\0\0\0" + packed[34:]):
        (tmp_path / "a.data.gz").write_bytes(damaged)
        with pytest.raises(InputError, match=r"a\.data\.gz"):
            read(tmp_path / "a.data.gz")


# Extended XYZ


def test_xyz_reads_the_last_frame(tmp_path):
    particles = read(written(tmp_path, "a.xyz", XYZ))
    assert particles.box == Box([4, 5, 6], boundary=("periodic", "periodic", "open"))
    assert particles.positions.tolist() == [[1, 1, 1], [1, 2, 2], [3, 3, 6]]
    assert particles.velocities[:, 0].tolist() == [0.1, 0.2, 0.3]
    assert particles.type_names == ("A", "B")
    assert particles.types.tolist() == [1, 0, 1]
    assert particles.ids.tolist() == [4, 2, 9]
    assert {name: values.tolist() for name, values in particles.attributes.items()} == {"charge": [-1, 2, 3.5]}


@pytest.mark.parametrize("frame", [0, -2])
def test_xyz_reads_a_given_frame(tmp_path, frame):
    assert len(read(written(tmp_path, "a.extxyz", XYZ), frame=frame)) == 2


def test_plain_xyz_needs_a_box(tmp_path):
    path = written(tmp_path, "a.xyz", "1\nwater\nO 1 2 3\n\n")
    with pytest.raises(InputError, match=r"line 2: there is no Lattice"):
        read(path)
    assert read(path, box=Box([4, 4, 4])).positions.tolist() == [[1, 2, 3]]
    assert read(path, box=Box([4, 4])).positions.tolist() == [[1, 2]]


@pytest.mark.parametrize(
    ("old", "new", "line", "message"),
    [
        ("3\nLat", "4\nLat", 5, "4 particles are announced, but only 3 rows follow"),
        ("3\nLat", "999999999999999999999\nLat", 5, "expected the number of particles"),
        ("3\nLat", "2\nLat", 9, "expected the number of particles, found 'B 3.0"),
        ("2\nLat", "two\nLat", 1, "expected the number of particles, found 'two'"),
        ("A 5.0", "A five", 8, r"pos\[0\] is 'five'; expected a finite number"),
        ("A 5.0", "A inf", 8, r"pos\[0\] is 'inf'; expected a finite number"),
        ("A 5.0", "A 1 5.0", 8, "expected 12 columns"),
        ("9 9 9  4", "9 9 9  4.5", 7, "id is '4.5'; expected a whole number"),
        ("A 5.0", "A" * 80 + " 5.0", 8, "expected a word of less than 64 letters"),
        ('T F"', 'T X"', 6, "pbc is 'T T X'; expected three of T and F"),
        (":vel:R:3", ":vel:R", 6, "expected triples"),
        (":vel:R:3", ":vel:Q:3", 6, "Properties has vel:Q:3"),
        (":vel:R:3", ":pos:R:3", 6, "Properties has pos:R:3"),
        ("t=3", 'Origin="0 0"', 6, "Origin has 2 numbers; expected 3"),
        (":pos:R:3:vel", ":place:R:3:vel", 6, "no pos:R:3"),
        ("  9\n", "  4\n", None, "4 occurs more than once"),
    ],
)
def test_malformed_xyz_names_file_and_line(tmp_path, old, new, line, message):
    assert old in XYZ
    path = written(tmp_path, "bad.xyz", XYZ.replace(old, new, 1))
    with pytest.raises(InputError, match=message) as caught:
        read(path)
    assert str(caught.value).startswith(f"{path}, line {line}: " if line else f"{path}: ")
    assert str(caught.value).count("bad.xyz") == 1


@pytest.mark.parametrize("lattice", ["4 1 0 0 5 0 0 0 6", "4 0 0 0 5 0 0 0", "4 0 0 0 5 0 0 0 x", "0 0 0 0 5 0 0 0 6"])
def test_xyz_lattice_must_be_orthogonal(tmp_path, lattice):
    path = written(tmp_path, "a.xyz", f'1\nLattice="{lattice}"\nA 1 1 1\n')
    with pytest.raises(InputError, match=r"triclinic|Lattice|box lengths"):
        read(path)


@pytest.mark.parametrize("frame", [2, -3, 0.5])
def test_xyz_frame_must_exist(tmp_path, frame):
    with pytest.raises(InputError, match="frame"):
        read(written(tmp_path, "a.xyz", XYZ), frame=frame)


def test_empty_xyz(tmp_path):
    with pytest.raises(InputError, match="the file is empty"):
        read(written(tmp_path, "a.xyz", "\n"))


# GSD


def gsd_frame(count=3, box=(4, 6, 8, 0, 0, 0), **fields):
    frame = gsd.hoomd.Frame()
    frame.configuration.box = box
    frame.particles.N = count
    frame.particles.position = np.arange(3 * count).reshape(count, 3) / 8 - 1
    for name, value in fields.items():
        setattr(frame.particles, name, value)
    return frame


def gsd_file(path, *frames):
    with gsd.hoomd.open(path, "w") as file:
        for frame in frames:
            file.append(frame)
    return path


def test_gsd_reads_the_last_or_a_given_frame(tmp_path):
    last = gsd_frame(types=["B", "A"], typeid=[0, 1, 0], mass=[1, 2, 3], velocity=np.ones((3, 3)), charge=[1, 0, -1])
    path = gsd_file(tmp_path / "a.gsd", gsd_frame(count=2), last)
    particles = read(path)
    assert particles.box == Box([4, 6, 8], origin=[-2, -3, -4])
    np.testing.assert_array_equal(particles.positions, np.arange(9).reshape(3, 3) / 8 - 1)
    assert [particles.type_names[code] for code in particles.types] == ["B", "A", "B"]
    assert particles.mass.tolist() == [1, 2, 3]
    assert (particles.velocities == 1).all()
    assert {name: values.tolist() for name, values in particles.attributes.items()} == {"charge": [1, 0, -1]}
    assert len(read(path, frame=0)) == 2
    assert read(path, boundary="open").box.boundary == ("open",) * 3


def test_gsd_of_a_flat_world(tmp_path):
    frame = gsd_frame(box=(4, 6, 0, 0, 0, 0))
    frame.configuration.dimensions = 2
    particles = read(gsd_file(tmp_path / "a.gsd", frame))
    assert particles.box == Box([4, 6], origin=[-2, -3])
    assert particles.positions.shape == (3, 2)


@pytest.mark.parametrize(
    ("frames", "options", "message"),
    [
        ([], {}, "expected a frame from 0 to -1"),
        ([gsd_frame()], {"frame": 1}, "expected a frame from -1 to 0, got 1"),
        ([gsd_frame()], {"frame": "last"}, "frame: expected a whole number"),
        ([gsd_frame(count=0)], {}, "there are no particles in frame -1"),
        ([gsd_frame(box=(4, 4, 4, 0.1, 0, 0))], {}, "triclinic boxes are not supported"),
        ([gsd_frame(mass=[1, 0, 1])], {}, "mass: particle id 1"),
    ],
)
def test_gsd_refuses(tmp_path, frames, options, message):
    path = gsd_file(tmp_path / "a.gsd", *frames)
    with pytest.raises(InputError, match=message) as caught:
        read(path, **options)
    assert str(caught.value).startswith(str(path))


@pytest.mark.parametrize("keep", [0, 10, 300])
def test_a_damaged_gsd_is_an_input_error(tmp_path, keep):
    path = gsd_file(tmp_path / "a.gsd", gsd_frame())
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(InputError, match="cannot be read"):
        read(path)
