"""What is installed."""

from __future__ import annotations

from importlib import metadata


def version(package: str) -> str:
    """The version of a package, or that there is none."""
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return "not installed"
