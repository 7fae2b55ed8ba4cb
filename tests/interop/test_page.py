"""The code of the page on other programs runs, and comes to one result by all ways."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

import motes

pytest.importorskip("freud")
pytest.importorskip("MDAnalysis")
PAGE = Path(__file__).parents[2] / "docs" / "other-programs.md"


def test_the_page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.chdir(tmp_path)
    names: dict[str, Any] = {}
    blocks = re.findall(r"^```python\n(.*?)^```", PAGE.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE)
    found = []
    for block in blocks:
        exec(block, names)  # noqa: S102  # our own page
        found.append(names.get("displacements"))
    assert len(blocks) == 3
    assert found[1] == pytest.approx(found[2], rel=1e-4, abs=1e-5)
    assert len(found[1]) == 11
    assert len(capsys.readouterr().out.splitlines()) == 6
    assert motes.read("fluid.gsd").positions == pytest.approx(names["simulation"].positions, abs=1e-6)


def test_sides_that_are_not_periodic() -> None:
    freud = pytest.importorskip("freud")
    box = freud.box.Box.from_box(motes.Box([4.0, 4.0, 4.0], ["periodic", "periodic", "open"]))
    assert box.wrap([0.0, 0.0, 3.0])[2] == -1.0
    box.periodic = (True, True, False)
    assert box.wrap([3.0, 0.0, 3.0]).tolist() == [-1.0, 0.0, 3.0]
