"""Finds the texts that ship with the package: the message schemas and the first policies.

In a wheel they lie inside the package; in a checkout they stand at the top, where people look for them.
"""

from importlib.resources import files
from importlib.resources.abc import Traversable


def folder(name: str) -> Traversable:
    """name: `schemas` or `policies` -> where its files are."""
    package = files("exchange")
    inside = package / name
    return inside if inside.is_dir() else package / ".." / ".." / name


def texts(name: str, suffix: str) -> dict[str, str]:
    """File name -> text, of all files in the folder `name` with this suffix (subfolders left out), in name order."""
    found = {f.name: f.read_text("utf-8") for f in folder(name).iterdir() if f.is_file() and f.name.endswith(suffix)}
    if not found:
        raise FileNotFoundError(f"no {suffix} files in {name}/: the installation is incomplete")
    return dict(sorted(found.items()))
