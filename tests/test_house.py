"""The rules of the house that no other tool checks. Who may import whom stands in pyproject.toml (import-linter)."""

import ast
import re
import tomllib
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
SOURCES = sorted((ROOT / "src" / "exchange").rglob("*.py"))
LOCKS = sorted((ROOT / "requirements").glob("*.lock"))

LONGEST_FILE = 350  # lines; a room that outgrows it becomes a folder of the same name
ROOMS_WITHOUT_A_NAME = {"base", "common", "helpers", "manager", "misc", "models", "services", "utils"}
CLOCK = re.compile(r"\.(now|utcnow|today)\(|\btime\.(time|monotonic)\b")
MACHINE_PATH = re.compile(r"(?<![\w.~-])/(home|root|Users|work|workspace|builds|farm)/[\w.]")
INDEX_HOST = re.compile(r"://|--(extra-)?index-url|--find-links|^-[if] ", re.MULTILINE)
NOT_OURS = {"build", "dist", "__pycache__"}


def published() -> Iterator[Path]:
    """Every text that leaves with the repository, but LICENSE."""
    for path in sorted(ROOT.iterdir()):
        if path.name in NOT_OURS or path.name in (".git", "LICENSE"):
            continue
        if path.is_file():
            yield path
        elif not path.name.startswith(".") or path.name == ".ci":
            yield from (file for file in sorted(path.rglob("*")) if file.is_file() and not NOT_OURS & {*file.parts})


def core() -> list[Path]:
    """The files of the modules that the contract `core` names."""
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    names = next(contract for contract in contracts if contract["id"] == "core")["source_modules"]
    stems = {name.removeprefix("exchange.") for name in names}
    return [
        path for path in SOURCES if path.relative_to(ROOT / "src" / "exchange").parts[0].removesuffix(".py") in stems
    ]


def lines_with(pattern: re.Pattern[str], paths: Iterable[Path]) -> list[str]:
    found = []
    for path in paths:
        try:
            text = path.read_text("utf-8")
        except UnicodeDecodeError:
            continue
        found += [f"{path.relative_to(ROOT)}:{n}" for n, line in enumerate(text.split("\n"), 1) if pattern.search(line)]
    return found


def test_no_file_outgrows_its_room() -> None:
    lengths = {str(path.relative_to(ROOT)): len(path.read_text().splitlines()) for path in SOURCES}

    assert {name: length for name, length in lengths.items() if length > LONGEST_FILE} == {}


def test_no_room_is_named_after_nothing() -> None:
    assert [path for path in SOURCES if {path.stem, *path.parts} & ROOMS_WITHOUT_A_NAME] == []


def test_every_module_says_what_it_is_for() -> None:
    silent = [
        path for path in SOURCES if path.stem != "__main__" and ast.get_docstring(ast.parse(path.read_text())) is None
    ]

    assert silent == []


def test_the_core_is_handed_its_clock() -> None:
    assert core() != []
    assert lines_with(CLOCK, core()) == []


def test_nothing_published_names_a_place_on_somebodys_machine() -> None:
    assert lines_with(MACHINE_PATH, published()) == []


@pytest.mark.parametrize("lock", LOCKS, ids=lambda lock: lock.name)
def test_a_lock_pins_every_package_by_its_hash_and_names_no_index(lock: Path) -> None:
    entries = re.split(r"^(?=[a-z0-9])", lock.read_text(), flags=re.MULTILINE)[1:]

    assert len(entries) > 5
    assert [entry for entry in entries if not re.match(r"[\w.-]+==\S+.*\\\n\s+--hash=sha256:[0-9a-f]{64}", entry)] == []
    assert lines_with(INDEX_HOST, [lock]) == []


def test_the_locks_agree() -> None:
    pins: dict[str, set[str]] = {}
    for lock in LOCKS:
        for name, version in re.findall(r"^([\w.-]+)==(\S+)", lock.read_text(), re.MULTILINE):
            pins.setdefault(name, set()).add(version)

    assert {lock.name for lock in LOCKS} == {"build.lock", "dev.lock", "server.lock"}
    assert {name: versions for name, versions in pins.items() if len(versions) > 1} == {}


@pytest.mark.parametrize(
    ("pattern", "line"),
    [
        (CLOCK, "at = datetime.now(UTC)"),
        (CLOCK, "at = time.time()"),
        (MACHINE_PATH, "see /" + "home/me/exchange"),
        (INDEX_HOST, "--index-url https:" + "//packages.example/simple"),
    ],
)
def test_what_is_looked_for_would_be_found(pattern: re.Pattern[str], line: str) -> None:
    """The control of the tests above."""
    assert pattern.search(line)
