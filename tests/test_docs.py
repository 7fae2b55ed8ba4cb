"""The code on the pages of the documentation runs, in the order in which it stands there."""

from __future__ import annotations

import re
import sys
import types
from pathlib import Path

DOCS = Path(__file__).parents[1] / "docs"


def blocks(page: str) -> list[str]:
    return re.findall(r"^```python\n(.*?)^```", (DOCS / page).read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE)


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
