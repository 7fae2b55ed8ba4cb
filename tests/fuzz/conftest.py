"""What the tests by wrong inputs share."""

from __future__ import annotations

from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

HERE = Path(__file__).parent


@pytest.fixture(scope="session")
def judge() -> Iterator[Any]:
    """The module fuzz_judge, which benchmarks/fuzz.py uses as well."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(HERE))
        yield import_module("fuzz_judge")


@pytest.fixture(scope="session")
def fuzzer(judge, tmp_path_factory) -> Any:
    """Right and wrong inputs of every kind, and the library's verdict on them."""
    return judge.Fuzzer(tmp_path_factory.mktemp("fuzz"))


@pytest.fixture
def refused(judge, tmp_path):
    """Expect one complaint, in time and without much memory, about a file with these contents; give its text."""

    def check(name: str, contents: bytes, **options: Any) -> str:
        path = tmp_path / name
        path.write_bytes(contents)
        messages: list[str] = []

        def examine() -> None:
            try:
                if name.endswith(".toml"):
                    judge.read_job(path)
                else:
                    judge.check_particles(judge.motes.read(path, **options))
            except judge.motes.InputError as error:
                messages.append(str(error))
                raise

        with judge.memory_limit(512 << 20):
            assert judge.outcome(examine, name) == "refused"
        return messages[0]

    return check
