"""docs/operations.md: every setting with its default, every secret, and what officers do, line by line as it stands."""

import json
import re
from typing import Any

from pydantic_core import PydanticUndefined

from exchange.settings import SECRETS, Limits, Settings
from tests.docs.fences import ROOT, Block, blocks
from tests.docs.tour import Shell

OPERATIONS = ROOT / "docs" / "operations.md"
PAGE = OPERATIONS.read_text("utf-8")


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


def test_officers_admit_and_replace_keys_as_the_page_says(shell: Shell) -> None:
    """On the exchange that the tour has left running. CHANGE is the last one proposed, KID the key that is replaced."""
    run(shell, "cp -r training/officers/one training/officers/two . && cp training/pin.json .")
    lines = [line for block in blocks(OPERATIONS) if "officers" in block.marks for line in block.text.splitlines()]
    change, key = "", ""

    for line in lines:
        if line.startswith(("exchange key add message", "exchange key request --as ncb-deu")):
            use = "message" if "message" in line else "officer"
            keys = json.loads(run(shell, "exchange key list --as ncb-deu --json"))
            (key,) = [one["kid"] for one in keys if one["use"] == use]
        said = run(shell, line.replace("CHANGE", change).replace("KID", key))
        change = (re.findall(r"^Change (\w{26})\.", said, re.MULTILINE) or [change])[-1]

    officers = [one for one in json.loads(run(shell, "exchange key list --as three --json")) if one["use"] == "officer"]
    mine = {one["use"]: one["revoked_at"] for one in json.loads(run(shell, "exchange key list --as ncb-deu --json"))}
    assert len(lines) > 15
    assert len(officers) == 3
    assert mine == {"access": None, "message": None, "officer": None}  # the newest of each use
    assert run(shell, "exchange doctor --as ncb-deu && exchange doctor --as three")


def run(shell: Shell, text: str) -> str:
    assert shell.do(Block(page="", line=0, language="sh", marks={}, text=text)) == 0, f"{text}\n{shell.printed}"
    return shell.printed
