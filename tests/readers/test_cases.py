"""Files as other programs write them: each stands for a kind of fault that was met in public files."""

import gzip
import re

import gsd.hoomd
import numpy as np
import pytest

import motes

HEAD = "own numbers\n\n{atoms} atoms\n{types} atom types\n{more}\n0 6 xlo xhi\n0 7 ylo yhi\n0 8 zlo zhi\n{tilt}\n"
MASSES = "Masses\n\n1 2.5\n\n"
LATTICE = 'Lattice="6 0 0 0 7 0 0 0 8"'
ROWS = "Ar 1 1 1\nKr 2 2 2\n"


def data(rows, style="# atomic", types=1, more="", tilt="", masses=MASSES, gap="\n"):
    rows = rows.strip().splitlines()
    head = HEAD.format(atoms=len(rows), types=types, more=more, tilt=tilt)
    return f"{head}{masses}Atoms {style}\n{gap}" + "\n".join(rows) + "\n"


TWO = "1 1 1 1 1\n2 1 2 2 2\n"


@pytest.fixture
def load(tmp_path):
    """Read a file of this name and text."""

    def load(name, text, **options):
        path = tmp_path / name
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return motes.read(path, **options)

    return load


def labels(particles):
    return [particles.type_names[code] for code in particles.types]


# LAMMPS data


def test_rows_that_fit_many_styles_are_not_guessed(load):
    electron = data("1 1 3 0 0 1 1 2\n2 1 3 0 0 4 1 2\n3 1 0 1 2 1 4 5\n4 1 0 -1 2 4 4 5", style="")
    with pytest.raises(motes.InputError, match=r"line 14: the atom style is not named.*the option style"):
        load("a.data", electron)
    images = data("1 1 1 1 1 3 0 0\n2 1 2 2 2 0 -2 0", style="")
    assert load("a.data", images, style="atomic").images.tolist() == [[3, 0, 0], [0, -2, 0]]


@pytest.mark.parametrize(
    ("hint", "row", "style"),
    [
        ("dpd", "1 1 0.75 1 2 3", "charge"),
        ("ellipsoid", "1 1 1 2.5 1 2 3", "sphere"),
        ("line", "1 1 1 0 2.5 1 2 0", "atomic"),
        ("charge", "1 1 0.75 1 2 3", "molecular"),
    ],
)
def test_a_style_that_contradicts_the_file_is_refused(load, hint, row, style):
    with pytest.raises(motes.InputError, match=f"the file says 'Atoms # {hint}'"):
        load("a.data", data(row, f"# {hint}"), style=style)


@pytest.mark.parametrize("hint", ["# my own atoms", "# bond"])
def test_a_style_beside_a_remark_or_another_word_for_it(load, hint):
    assert load("a.data", data("1 9 1 1 2 3", hint), style="molecular").attributes["molecule"].tolist() == [9]


@pytest.mark.parametrize(("argon", "krypton"), [("Ar", "Kr"), ("Ärgon", "氪")])
def test_type_labels_in_rows(load, argon, krypton):
    masses = f"Atom Type Labels\n\n1 {argon}\n2 {krypton}\n\nMasses\n\n{argon} 40.5\n2 84.5\n\n"
    particles = load("a.data", data(f"1 {krypton} 1 1 1\n2 {argon} 2 2 2\n3 1 3 3 3", types=2, masses=masses))
    assert labels(particles) == [krypton, argon, argon]
    assert particles.mass.tolist() == [84.5, 40.5, 40.5]
    with pytest.raises(motes.InputError, match="line 23: Atoms has a type that is not one of 1 to 2"):
        load("a.data", data(f"1 {krypton} 1 1 1\n2 Ne 2 2 2", types=2, masses=masses))


def test_labels_that_are_no_utf8_are_refused(load):
    masses = "Atom Type Labels\n\n1 \xc4\n\nMasses\n\n1 1.0\n\n"
    with pytest.raises(motes.InputError, match=r"line 12: label is .*expected text in UTF-8"):
        load("a.data", data("1 1 1 1 1", masses=masses).encode("latin-1"))


def test_a_general_box_that_is_orthogonal(load):
    box = "6.0 0.0 0.0 avec\n0.0 7.0 0.0 bvec\n0.0 1e-16 8.0 cvec\n-3.0 -3.5 -4.0 abc origin\n"
    text = data(TWO).replace("0 6 xlo xhi\n0 7 ylo yhi\n0 8 zlo zhi\n", box)
    assert load("a.data", text).box == motes.Box([6, 7, 8], origin=[-3, -3.5, -4])
    with pytest.raises(motes.InputError, match="line 8: triclinic boxes are not supported"):
        load("a.data", text.replace("1e-16", "1e-3"))
    with pytest.raises(motes.InputError, match="the box is said twice or in part"):
        load("a.data", text.replace("0.0 7.0 0.0 bvec\n", ""))


@pytest.mark.parametrize("tilt", ["3.7e-16 0 -4.1e-16", "-2.6e-7 0 0"])
def test_tilts_that_rounding_left(load, tilt):
    assert load("a.data", data(TWO, tilt=f"{tilt} xy xz yz\n")).box == motes.Box([6, 7, 8])


def test_the_line_after_a_heading_is_passed_over(load):
    assert len(load("a.data", data(TWO, gap="# id type x y z\n"))) == 2
    assert len(load("a.data", data(TWO, gap="id type x y z\n"))) == 2
    with pytest.raises(motes.InputError, match="Atoms has 1 rows"):
        load("a.data", data(TWO, gap=""))


@pytest.mark.parametrize(
    ("section", "message"),
    [("BodiesProp", "'BodiesProp' is not the name of a section of particles.*may be taken out"), ("Mases", "'Masses'")],
)
def test_sections_of_fixes_are_named(load, section, message):
    with pytest.raises(motes.InputError, match=f"line 19: .*{message}"):
        load("a.data", data(TWO) + f"\n{section}\n\n1 1\n")


def test_a_dump_is_known_as_such(load):
    with pytest.raises(motes.InputError, match="line 1: this is a dump of LAMMPS"):
        load("dump.data", "ITEM: TIMESTEP\n0\n")


def test_a_flat_world_in_three_dimensions_is_warned_of(load, capsys):
    text = data("1 1 1 1 0\n2 1 2 2 0").replace("0 8 zlo", "-0.1 0.1 zlo").replace("0.1 zhi", "0.1 zlo zhi")
    text = text.replace("-0.1 0.1 zlo zlo zhi", "-0.1 0.1 zlo zhi")
    assert load("a.data", text).box.dimensions == 3
    assert re.search(r"a\.data: all particles lie in one plane.*say dimensions=2\n$", capsys.readouterr().err)
    assert load("a.data", text, dimensions=2).positions.tolist() == [[1, 1], [2, 2]]


def test_images_are_kept(load, capsys):
    rows = "1 1 1 1 1 3 0 0\n2 1 8 2 2 0 -2 0"
    particles = load("a.data", data(rows))
    assert particles.images.tolist() == [[3, 0, 0], [1, -2, 0]]
    assert (particles.positions + particles.images * particles.box.lengths).tolist() == [[19, 1, 1], [8, -12, 2]]
    assert load("a.data", data(rows), dimensions=2).images.tolist() == [[3, 0], [1, -2]]
    open_box = load("a.data", data(rows.replace(" 8 ", " 5 ")), boundary=["open", "periodic", "periodic"])
    assert "images along x are left out" in capsys.readouterr().err
    assert open_box.images.tolist() == [[0, 0, 0], [0, -2, 0]]


def test_mass_by_type(load):
    text = data("1 1 1 1 1\n2 2 2 2 2", types=2, masses="")
    with pytest.raises(motes.InputError, match=r"no section Masses; give the option mass.*\{1: \.\.\.\}"):
        load("a.data", text)
    assert load("a.data", text, mass={1: 2.0, 2: 3.0}).mass.tolist() == [2, 3]
    for masses, message in (
        ({1: 2.0}, "none is given for type '2'"),
        ({1: 2.0, 4: 1.0}, "none is given for type '2'.*; there is one for '4', which is unknown"),
        ({1: 2.0, 2: 0}, "mass of type '2': expected more than 0"),
        ("elements", "the type 1 is no chemical element"),
        ("element", 'or "elements", got'),
    ):
        with pytest.raises(motes.InputError, match=rf"a\.data: .*{message}"):
            load("a.data", text, mass=masses)


def test_bonds_are_not_dropped_in_silence(load, tmp_path):
    bonds = "2 bonds\n1 bond types\n1 angles\n1 angle types\n"
    text = data("1 1 1 1 1 1\n2 1 1 2 1 1\n3 1 1 3 1 1", "# angle", more=bonds)
    text += "\nBonds\n\n1 1 1 2\n2 1 2 3\n\nAngles\n\n1 1 1 2 3\n"
    particles = load("a.data", text)
    assert particles.bonds.tolist() == [[1, 2], [2, 3]]
    assert particles.angles.tolist() == [[1, 2, 3]]
    assert (particles.bond_type_names, particles.angle_type_names) == ((1,), (1,))
    assert len(load("a.data", text, bonds="ignore").bonds) == 0
    more = text.replace("1 angles", "1 angles\n1 dihedrals\n1 dihedral types") + "\nDihedrals\n\n1 1 1 2 3 1\n"
    with pytest.raises(motes.InputError, match=r"1 dihedrals .*bonds=.ignore."):
        load("b.data", more)
    labels = text.replace("\nBonds", "\nBond Type Labels\n\n1 C-C\n\nBonds").replace(
        "1 1 1 2\n2 1 2 3", "1 C-C 1 2\n2 1 2 3"
    )
    assert load("c.data", labels).bond_type_names == ("C-C",)
    for wrong, message in (
        (text.replace("2 1 2 3\n", "2 2 2 3\n"), "Bonds has a type that is not one of 1 to 1"),
        (text.replace("2 1 2 3\n", "2 1 2 4\n"), "bond 1 has the id 4"),
        (text.replace("2 1 2 3\n", "2 1 2 2\n"), "bond 1 has a particle twice"),
        (text.replace("2 1 2 3\n", "2 1 2 1\n"), "is there a second time"),
    ):
        with pytest.raises(motes.InputError, match=message):
            load("d.data", wrong)
    with gsd.hoomd.open(tmp_path / "a.gsd", "w") as file:
        frame = hoomd_frame()
        frame.bonds.N, frame.bonds.types, frame.bonds.group = 1, ["a"], [[0, 1]]
        file.append(frame)
    assert motes.read(tmp_path / "a.gsd").bonds.tolist() == [[0, 1]]
    assert motes.read(tmp_path / "a.gsd").bond_type_names == ("a",)
    assert len(motes.read(tmp_path / "a.gsd", bonds="ignore").bonds) == 0


@pytest.mark.parametrize("name", ["data.melt", "melt.lmp", "melt.lammps", "DATA.MELT", "data.melt.gz"])
def test_names_that_lammps_files_have(load, name):
    text = data(TWO).encode()
    assert len(load(name, gzip.compress(text) if name.endswith(".gz") else text)) == 2


def test_a_file_of_any_name(load):
    assert len(load("final-state", data(TWO), format="lammps")) == 2
    assert len(load("final-state", gzip.compress(f"2\n{LATTICE}\n{ROWS}".encode()), format="xyz")) == 2
    with pytest.raises(motes.InputError, match=r"unknown format; expected a name like .*say format="):
        load("final-state", data(TWO))


# Extended XYZ


def xyz(comment, rows=ROWS):
    return f"{len(rows.splitlines())}\n{comment}\n{rows}"


@pytest.mark.parametrize(
    "comment",
    [
        "Lattice=[[6, 0, 0], [0, 7, 0], [0, 0, 8]] pbc=[T, T, T]",
        "Lattice={6 0 0 0 7 0 0 0 8} pbc={T T T}",
        "Lattice='6 0 0 0 7 0 0 0 8'",
        '"Lattice"="6 0 0 0 7 0 0 0 8"',
        f"""{LATTICE} parent="_JSON {{\\"x\\": \\" Lattice='9 0 0 0 9 0 0 0 9' \\"}}" """,
        f"""{LATTICE} note='Lattice="9 0 0 0 9 0 0 0 9"' """,
        'Lattice="6 0 0 3.7e-16 7 0 3.7e-16 4.3e-16 8" pbc="T T T"',
    ],
)
def test_ways_to_write_one_box(load, comment):
    assert load("a.xyz", xyz(comment)).box == motes.Box([6, 7, 8])


def test_periodic_as_a_list(load):
    assert load("a.xyz", xyz(f"{LATTICE} pbc=[T, true, F]")).box.boundary == ("periodic", "periodic", "open")


def test_momenta(load):
    columns = "species:S:1:pos:R:3:momenta:R:3"
    rows = "Ar 1 1 1 4 0 0 40\nKr 2 2 2 0 8 0 80\n"
    particles = load("a.xyz", xyz(f"{LATTICE} Properties={columns}:masses:R:1", rows))
    assert particles.velocities.tolist() == [[0.1, 0, 0], [0, 0.1, 0]]
    without = xyz(f"{LATTICE} Properties={columns}", rows.replace(" 40\n", "\n").replace(" 80\n", "\n"))
    with pytest.raises(motes.InputError, match=r'momenta and no masses; .*mass="elements"'):
        load("a.xyz", without)
    np.testing.assert_allclose(load("a.xyz", without, mass="elements").velocities[0, 0], 4 / 39.95)


@pytest.mark.parametrize("name", ["Z:I:1", "numbers:I:1"])
def test_types_by_atomic_number(load, name):
    text = xyz(f"{LATTICE} Properties={name}:pos:R:3", "18 1 1 1\n36 2 2 2\n")
    assert labels(load("a.xyz", text)) == [18, 36]
    assert load("a.xyz", text, mass="elements").mass.tolist() == [39.95, 83.798]
    with pytest.raises(motes.InputError, match="expected atomic numbers from 1 to 118, got 18 to 360"):
        load("a.xyz", text.replace("36", "360"), mass="elements")


@pytest.mark.parametrize("name", ["element", "symbols"])
def test_types_under_other_names(load, name):
    text = xyz(f"{LATTICE} Properties={name}:S:1:pos:R:3:Z:I:1", "Ar 1 1 1 18\nKr 2 2 2 36\n")
    particles = load("a.xyz", text, mass={"Ar": 1.0, "Kr": 2.0})
    assert labels(particles) == ["Ar", "Kr"]
    assert particles.mass.tolist() == [1, 2]
    assert particles.attributes["Z"].tolist() == [18, 36]


def test_names_in_any_script(load):
    assert labels(load("a.xyz", xyz(LATTICE, "Ärgon 1 1 1\nKr 2 2 2\n氪 3 3 3\n"))) == ["Ärgon", "Kr", "氪"]


@pytest.mark.parametrize(
    ("name", "kind"), [("class", "I"), ("local-energy", "R"), ("t", "R"), ("box", "R"), ("forces", "R")]
)
def test_a_column_that_cannot_be_an_attribute_is_left_out_with_a_word(load, capsys, name, kind):
    text = xyz(f"{LATTICE} Properties=species:S:1:pos:R:3:{name}:{kind}:1:size:R:1", "Ar 1 1 1 5 2\nKr 2 2 2 5 3\n")
    particles = load("a.xyz", text)
    assert re.search(rf"^motes: .*a\.xyz: the column '{name}' is left out: .*\n$", capsys.readouterr().err)
    assert {name: values.tolist() for name, values in particles.attributes.items()} == {"size": [2, 3]}


def test_an_empty_frame_does_not_matter(load):
    text = xyz(LATTICE, "") + xyz(LATTICE) + xyz(LATTICE)
    assert len(load("a.xyz", text)) == 2
    with pytest.raises(motes.InputError, match="no particles in frame 0"):
        load("a.xyz", text, frame=0)


def test_packed_xyz(load):
    assert len(load("a.xyz.gz", gzip.compress((xyz(LATTICE) * 3).encode()), frame=1)) == 2


# GSD


def hoomd_frame(**fields):
    frame = gsd.hoomd.Frame()
    frame.configuration.box = [6, 7, 8, 0, 0, 0]
    frame.particles.N = 2
    frame.particles.position = [[0, 0.25, 0], [0.5, 0.25, 0]]
    for name, value in fields.items():
        setattr(frame.particles, name, value)
    return frame


def hoomd_file(path, **fields):
    with gsd.hoomd.open(path, "w") as file:
        file.append(hoomd_frame(**fields))
    return path


def test_gsd_labels(tmp_path):
    assert labels(motes.read(hoomd_file(tmp_path / "a.gsd", types=["10", "2"], typeid=[0, 1]))) == [10, 2]
    assert labels(motes.read(hoomd_file(tmp_path / "a.gsd", types=["1", "02"], typeid=[0, 1]))) == ["1", "02"]
    particles = motes.read(hoomd_file(tmp_path / "a.gsd", types=["Ar", "Kr"], typeid=[0, 1]), mass="elements")
    assert particles.mass.tolist() == [39.95, 83.798]


def test_packed_gsd(tmp_path):
    path = hoomd_file(tmp_path / "a.gsd", image=[[1, 0, 0], [0, 0, -2]])
    packed = tmp_path / "a.gsd.gz"
    packed.write_bytes(gzip.compress(path.read_bytes()))
    assert motes.read(packed).images.tolist() == [[1, 0, 0], [0, 0, -2]]


def test_gsd_tilts_of_rounding_size(tmp_path):
    frame = hoomd_frame()
    frame.configuration.box = [6, 7, 8, 1e-7, 0, -1e-8]
    with gsd.hoomd.open(tmp_path / "a.gsd", "w") as file:
        file.append(frame)
    assert motes.read(tmp_path / "a.gsd").box.lengths.tolist() == [6, 7, 8]


def test_an_open_box_has_no_walls(load):
    particles = load("a.xyz", xyz(f'{LATTICE} pbc="F F F"', "Ar -0.25 1 1\nKr 2 2 2\n"))
    assert particles.box.boundary == ("open",) * 3
    assert particles.positions.tolist() == [[-0.25, 1, 1], [2, 2, 2]]
    assert not particles.images.any()
