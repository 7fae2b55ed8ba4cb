"""What the tests of storage share."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import Any

import pytest


@pytest.fixture(scope="session")
def damage() -> Any:
    """The functions of checkpoint_damage.py, which the benchmark has as well."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(Path(__file__).parent))
        return import_module("checkpoint_damage")
