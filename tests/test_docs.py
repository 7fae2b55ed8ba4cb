"""The code on the pages of the documentation runs, in the order in which it stands there."""

from __future__ import annotations

import re
import sys
import tomllib
import types
from pathlib import Path

from motes.forces import LAWS
from motes.integrators import KINDS
from motes.simulation.inputs.config import validated

DOCS = Path(__file__).parents[1] / "docs"


def blocks(page: str, language: str = "python") -> list[str]:
    return re.findall(
        rf"^```{language}\n(.*?)^```", (DOCS / page).read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE
    )


def test_the_page_on_laws(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    page = types.ModuleType("page_on_laws")
    sys.modules[page.__name__] = page  # where dataclasses look a module up
    source = tmp_path / "page_on_laws.py"
    source.write_text("\n\n".join(blocks("laws.md")), encoding="utf-8")
    try:
        exec(compile(source.read_text(encoding="utf-8"), str(source), "exec"), vars(page))  # noqa: S102  # our own page
    finally:
        del sys.modules[page.__name__]
    assert len(blocks("laws.md")) == 6


def test_the_page_on_input_files():
    (text,) = blocks("input-files.md", "toml")
    config = validated(Path("page.toml"), tomllib.loads(text))
    assert [table.kind for table in config.interactions] == ["pair", "bond"]
    page = (DOCS / "input-files.md").read_text(encoding="utf-8")
    assert all(f'`"{law.kind}"`' in page for law in LAWS)
    assert all(f'"{kind}"' in page for kind in KINDS)
