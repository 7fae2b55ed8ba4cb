"""What comes out of a checkpoint is believed only if it makes sense."""

import pytest

from motes.core.errors import InputError
from motes.observers import Frame, Thermo, Trajectory, restore


def test_kinds_that_are_not_known(tmp_path):
    with pytest.raises(InputError, match=r"an observer of the kind 'function'; only .*can be brought back"):
        restore({"every": 1, "kind": "function", "name": "f"}, tmp_path)
    with pytest.raises(InputError, match="kind None"):
        restore({}, tmp_path)


DAMAGE = [
    ("thermo", {"path": 3}, "'path' is no path"),
    ("thermo", {"path": "\0"}, "'path' is no path"),
    ("thermo", {"length": -1}, "'length' is no whole number"),
    ("thermo", {"length": True}, "'length' is no whole number"),
    ("thermo", {"last": [1, "2.0"]}, "'last' is no row"),
    ("thermo", {"first": 7}, "'first' is no row"),
    ("trajectory", {"path": None}, "'path' is no path"),
    ("trajectory", {"extent": 3}, "'extent' is no table"),
    ("trajectory", {"extent.header": ""}, "header is not that of a gsd file"),
    ("trajectory", {"extent.header": 5}, "'header' is no text"),
    ("trajectory", {"extent.header": "***"}, "'header' is no base64"),
    ("trajectory", {"extent.names": "QUJD" * 2000}, "'names' is more than"),
    ("trajectory", {"extent.used": 129}, "beyond its end"),
    ("trajectory", {"extent.length": 500}, "beyond its end"),
]


@pytest.mark.parametrize(("kind", "changes", "message"), DAMAGE)
def test_memories_that_make_no_sense(kind, changes, message, tmp_path, simulation):
    observer = {"thermo": Thermo, "trajectory": Trajectory}[kind](tmp_path / kind)
    observer.start(Frame(simulation))
    observer(Frame(simulation))
    memory = observer.remember(tmp_path)
    observer.finish()
    for name, value in changes.items():
        *outer, inner = name.split(".")
        (memory[outer[0]] if outer else memory)[inner] = value
    with pytest.raises(InputError, match=message):
        restore(memory, tmp_path)
