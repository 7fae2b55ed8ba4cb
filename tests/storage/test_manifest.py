"""Manifests: what is written comes back, and what is wrong is refused, even with a right checksum."""

from __future__ import annotations

import json
import math

import pytest

import motes
from motes.core.state import column_names
from motes.storage import manifest as module
from motes.storage.manifest import NAME, BoxRecord, read_manifest, write_manifest


@pytest.fixture
def path(tmp_path, damage):
    """A good checkpoint, the second in its folder."""
    damage.write_checkpoint(tmp_path, 100)
    return damage.write_checkpoint(tmp_path, 200)


@pytest.fixture
def contents(path):
    return json.loads((path / NAME).read_text())["contents"]


def test_all_comes_back(path, damage):
    found = read_manifest(path)
    again = damage.manifest(200, found.files, topology=found.topology)
    assert found == again
    assert found.box.box().boundary == ("periodic", "open", "reflecting")


@pytest.mark.parametrize("value", [0.1, -0.0, 5e-324, 1.7976931348623157e308, math.pi])
def test_numbers_keep_their_bits(tmp_path, damage, path, value):
    ends = {"size": (value, value)}
    write_manifest(tmp_path, damage.manifest(200, read_manifest(path).files, attributes=ends, skin=abs(value)))
    found = read_manifest(tmp_path)
    assert found.attributes["size"][0].hex() == value.hex()
    assert found.skin is not None
    assert found.skin.hex() == abs(value).hex()


@pytest.mark.parametrize("name", ["A", "Wasser Ä", "\N{SNOWMAN}", 'quote " and \\', "line\nend", "\ud800", 7, 2**70])
def test_types_may_have_any_names(tmp_path, damage, path, name):
    write_manifest(tmp_path, damage.manifest(200, read_manifest(path).files, type_names=(name,)))
    assert read_manifest(tmp_path).type_names == (name,)


def test_attributes_keep_the_order_of_their_columns(tmp_path, damage, path):
    names = ("zeal", "charge", "size")
    columns = column_names(3, names)
    attributes = dict.fromkeys(names, (0.0, 1.0))
    given = damage.manifest(200, read_manifest(path).files, attributes=attributes, columns=columns)
    write_manifest(tmp_path, given)
    assert tuple(read_manifest(tmp_path).attributes) == names


@pytest.mark.parametrize("version", [0, 1, -1, 10**30])
def test_another_format_is_named(path, contents, damage, version):
    (path / NAME).write_text(module._document(contents, version))
    with pytest.raises(motes.InputError, match=f"has format {version}, and this Motes reads format 2: use another"):
        read_manifest(path)
    assert damage.complaint(path, path / NAME, path.with_name("step-100")) is None


def test_a_manifest_of_plain_json_is_not_enough(path, contents, damage):
    """Whoever edits one by hand does not get the run that was saved."""
    for text in (json.dumps(contents), json.dumps({"format": 2, "contents": contents}), "[]", "7", '"text"', "null"):
        (path / NAME).write_text(text)
        assert damage.complaint(path, path / NAME, path.with_name("step-100")) is None


STRANGE = [
    b"", b" ", b"{", b"[" * 100_000, b'{"a":' * 100_000, b"\xff\xfe", b"NaN", b"1" * 10_000, b"\0" * 100,
    b'{"format": 2, "checksum": "", "contents": []}', b'{"format": true, "checksum": "", "contents": {}}',
    b'{"format": ' + b"1" * 10_000 + b', "contents": {}}', b'{"format": 2.0, "contents": {"a": 1e999}}',
    b'{"contents": {"a": "\\ud800"}, "format": 2}',
]  # fmt: skip


@pytest.mark.parametrize("data", STRANGE, ids=range(len(STRANGE)))
def test_strange_files(path, damage, data):
    (path / NAME).write_bytes(data)
    assert damage.complaint(path, path / NAME, path.with_name("step-100")) is None


def test_every_entry_is_needed_and_none_may_be_added(path, contents, damage):
    def refused(changed):
        (path / NAME).write_text(module._document(changed))
        return damage.complaint(path, path / NAME, path.with_name("step-100")) is None

    assert all(refused({name: value for name, value in contents.items() if name != one}) for one in contents)
    assert refused({})
    assert refused(contents | {"more": 1})
    assert refused(contents | {"box": contents["box"] | {"more": 1}})


STRANGE_VALUES = [None, "text", {}, {"a": [1]}, [[]], -1, 1.5, math.nan, math.inf, [None], [{}], [{"kind": "function"}]]
ALLOWED = {
    "version": ["text"], "end": [], "skin": [None, -1, 1.5, math.nan, math.inf], "input": [None],
    "integrator": [{}, {"a": [1]}], "shown": [], "interactions": [], "followers": [], "observers": [{}],
    "topology": [{}],
}  # fmt: skip


def test_entries_of_a_wrong_kind_are_refused_even_with_a_right_checksum(path, contents, damage):
    for name, right in contents.items():
        for value in STRANGE_VALUES:
            if any(value is other or value == other for other in [*ALLOWED.get(name, []), right]):
                continue
            (path / NAME).write_text(module._document(contents | {name: value}))
            found = damage.complaint(path, path / NAME, path.with_name("step-100"))
            assert found is None, (name, value, found)


def _changed(contents, name, **changes):
    return contents | {name: contents[name] | changes}


NONSENSE = {
    "fewer particles": lambda c: c | {"particles": c["particles"] - 1},
    "another step": lambda c: c | {"step": 300},
    "after the end": lambda c: c | {"end": 199},
    "columns in another order": lambda c: c | {"columns": [*c["columns"][:3], "x", "size", *c["columns"][5:]]},
    "a column too many": lambda c: c | {"columns": [*c["columns"], "w"]},
    "an attribute too few": lambda c: c | {"attributes": {}},
    "a box with no volume": lambda c: _changed(c, "box", lengths=[0.0, 1.0, 1.0]),
    "a box of one dimension": lambda c: _changed(c, "box", lengths=[1.0], boundary=["open"], origin=[0.0]),
    "a box with another dimension": lambda c: _changed(
        c, "box", lengths=[1.0, 1.0], boundary=["open"] * 2, origin=[0.0] * 2
    ),
    "a boundary that is none": lambda c: _changed(c, "box", boundary=["open", "open", "shut"]),
    "no grid": lambda c: _changed(c, "quanta", force=0.0),
    "an endless grid": lambda c: _changed(c, "quanta", position=(math.inf,) * 3),
    "an endless memory": lambda c: c | {"memory": {"heat": math.inf}},
    "no files": lambda c: c | {"files": [], "particles": 0},
    "more frozen than there are": lambda c: c | {"frozen": c["particles"] + 1},
    "files in another order": lambda c: c | {"files": c["files"][::-1]},
    "a file elsewhere": lambda c: c | {"files": [c["files"][0], c["files"][1] | {"name": "../step-100/rank-1.npy"}]},
    "an observer without an interval": lambda c: c | {"observers": [{"kind": "thermo"}]},
}


@pytest.mark.parametrize("what", NONSENSE)
def test_contents_that_do_not_fit_together_are_refused(path, contents, damage, what):
    (path / NAME).write_text(module._document(NONSENSE[what](contents)))
    assert damage.complaint(path, path / NAME, path.with_name("step-100")) is None


@pytest.mark.parametrize("boundary", ["periodic", ["open", "reflecting"]])
def test_a_box_comes_back_to_the_bit(boundary):
    box = motes.Box([math.pi, 1 / 3], boundary, origin=[-0.1, 1e3])
    again = BoxRecord.model_validate_json(BoxRecord.of(box).model_dump_json()).box()
    assert again.lengths.tobytes() == box.lengths.tobytes()
    assert again.origin.tobytes() == box.origin.tobytes()
    assert (again.boundary, again.spacing) == (box.boundary, box.spacing)
