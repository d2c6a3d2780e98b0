"""`exchange` without its extra `server`: the program and the SDK, and nothing but what the project says they need.

The environment is put together from the packages that are installed here: those that the project names, those that
they name in turn, and no others.
"""

import json
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator, Mapping
from importlib.metadata import Distribution, distribution
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement

from exchange.client.entries import head_of, line_of
from tests.trails import small_trail

ROOT = Path(__file__).parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
PROGRAM = "import sys; from exchange import cli; sys.exit(cli.run(sys.argv[1:]))"


def needed(requirements: list[str]) -> Mapping[str, Distribution]:
    """All that is installed for these, by name."""
    found: dict[str, Distribution] = {}
    waiting = [(Requirement(one), "") for one in requirements]
    while waiting:
        wanted, extra = waiting.pop()
        if wanted.marker is not None and not wanted.marker.evaluate({"extra": extra}):
            continue
        name, known = _name(wanted.name), _name(wanted.name) in found
        found[name] = distribution(wanted.name)
        for asked in wanted.extras or ({""} if not known else set()):
            waiting += [(Requirement(one), asked) for one in found[name].requires or ()]
    return found


def _name(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def _tops(package: Distribution) -> Iterator[Path]:
    """The folders and files that it has put into the site."""
    here = Path(str(package.locate_file("")))
    for top in {file.parts[0] for file in package.files or () if file.parts[0] not in ("..", "__pycache__")}:
        yield here / top


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("site")
    (folder / "exchange").symlink_to(ROOT / "src" / "exchange")
    for package in needed(PROJECT["dependencies"]).values():
        for top in _tops(package):
            if not (folder / top.name).exists():
                (folder / top.name).symlink_to(top)
    return folder


def run(site: Path, code: str, *words: object) -> "subprocess.CompletedProcess[str]":
    """-S: of what else is installed, nothing is seen."""
    command = [sys.executable, "-S", "-B", "-c", code, *map(str, words)]
    return subprocess.run(
        command, env={"PYTHONPATH": str(site), "HOME": str(site)}, capture_output=True, text=True, check=False
    )


def answered(ran: "subprocess.CompletedProcess[str]") -> Any:
    assert ran.stderr == ""
    return json.loads(ran.stdout)


def test_the_environment_has_what_the_project_names_and_nothing_of_the_server(site: Path) -> None:
    """The control: it is really another environment."""
    core, server = needed(PROJECT["dependencies"]), needed(PROJECT["optional-dependencies"]["server"])

    there = run(site, "import httpx, typer; print(httpx.__file__)")
    absent = [run(site, f"import {module}").returncode for module in ("cedarpy", "sqlmodel", "fastapi", "starlette")]

    assert {"httpx", "typer", "cryptography", "jsonschema-rs", "orjson"} <= core.keys()
    assert {"starlette", "sqlmodel", "httptools", "cedarpy"} <= server.keys() - core.keys()
    assert there.stdout.startswith(str(site))
    assert absent == [1, 1, 1, 1]


def test_the_program_and_the_sdk_run_there(site: Path, tmp_path: Path) -> None:
    assert run(site, "import exchange.client, exchange.cli").returncode == 0
    assert run(site, PROGRAM, "--help").returncode == 0
    assert run(site, PROGRAM, "keygen", "--help").returncode == 0


@pytest.mark.parametrize("command", [("serve", "."), ("policy", "check", "--json"), ("trail", "verify", "--database")])
def test_what_needs_the_server_says_how_to_install_it(site: Path, tmp_path: Path, command: tuple[str, ...]) -> None:
    more = (tmp_path, "--trail-key", small_trail().trail_key.vkey()) if command[-1] == "--database" else ()

    ran = run(site, PROGRAM, *command, *more)

    assert ran.returncode == 2
    assert "exchange[server]" in ran.stdout + ran.stderr


def test_a_trail_is_verified_there_and_the_report_says_what_was_not_done(site: Path, tmp_path: Path) -> None:
    trail = small_trail()
    file = tmp_path / "export.jsonl"
    note = trail.trail_key.sign(trail.checkpoint())
    file.write_text("".join([head_of(trail.checkpoint().origin, note), *map(line_of, trail.entries)]), "utf-8")
    verify = ("trail", "verify", "--export", file, "--trail-key", trail.trail_key.vkey())

    document, said = answered(run(site, PROGRAM, *verify, "--json")), run(site, PROGRAM, *verify)

    assert (document["whole"], document["decided_again"]) == (True, False)
    assert said.returncode == 0
    assert "NOT decided again" in said.stdout
