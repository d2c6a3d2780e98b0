"""docs/operations.md: every setting with its default, every secret, every code that the command line ends with."""

import re
from typing import Any

from pydantic_core import PydanticUndefined

from exchange.settings import SECRETS, Limits, Settings
from tests.docs.fences import ROOT

PAGE = (ROOT / "docs" / "operations.md").read_text("utf-8")


def defaults() -> dict[str, Any]:
    """Name -> default, of all that can be set; PydanticUndefined where it must be."""
    plain = {name: field.default for name, field in Settings.model_fields.items() if name not in ("folder", "limits")}
    return plain | {f"limits.{name}": field.default for name, field in Limits.model_fields.items()}


def told() -> dict[str, str]:
    """Name -> default, as the table of settings says; names may share a row."""
    rows = re.findall(r"^\| (`[a-z_.]+`(?:, `[a-z_.]+`)*) \| ([^|]+) \|", _settings(), re.MULTILINE)
    found: dict[str, str] = {}
    for names, values in rows:
        found |= dict(zip(re.findall(r"`([^`]+)`", names), values.strip().split(", "), strict=True))
    return found


def _settings() -> str:
    """The section that bears this name."""
    return PAGE.partition("## Settings")[2].partition("\n## ")[0]


def test_every_setting_is_told_with_its_default() -> None:
    shown = told()

    for name, default in defaults().items():
        assert name in shown, name
        if default is not PydanticUndefined:
            assert shown[name] == str(default).removesuffix(".0").lower(), name


def test_every_secret_is_named() -> None:
    assert [name for name in SECRETS if f"`{name}`" not in PAGE] == []
