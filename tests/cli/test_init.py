"""`exchange init`: all of it or nothing, every foreseeable mistake told in words, and a second try that works."""

import shutil
from collections.abc import Sequence
from pathlib import Path

import pytest

from exchange import shipped
from exchange.settings import Settings
from tests.cli.conftest import Command

ORIGIN = "exchange.example/founded"


def init(folder: Path, *words: str) -> tuple[object, ...]:
    return ("init", folder, "--origin", ORIGIN, "--training", *words)


def left(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir()) if folder.is_dir() else []


@pytest.mark.parametrize(
    ("words", "code", "named"),
    [
        (("--origin", "my exchange"), 2, "origin"),
        (("--origin", "Exchange.example/X"), 2, "origin"),
        (("--origin", ""), 2, "origin"),
        (("--origin", "-x"), 1, "/origin"),
        (("--origin", "x" * 129), 2, "origin"),
        (("--url", "exchange.example"), 2, "public_url"),
        (("--url", "https://exchange.example/path"), 2, "public_url"),
        (("--operator-country", "xx"), 1, "/operator/country"),
        (("--operator-name", ""), 1, "/operator/name"),
        (("--database", "mysql://db.example/exchange"), 2, "database"),
        (("--database", "exchange.db"), 2, "database"),
        (("--database", "postgresql://exchange@127.0.0.1:many/exchange"), 2, "database"),
        (("--database", "postgresql://exchange@127.0.0.1:9/exchange"), 3, "STORE_UNAVAILABLE"),
        (("--database", "sqlite:////nowhere/at/all/exchange.db"), 3, "STORE_UNAVAILABLE"),
        (("--policies", "nowhere"), 2, "policy set"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
def test_what_cannot_be_founded_is_said_leaves_nothing_and_a_second_try_works(
    exchange: Command, tmp_path: Path, words: Sequence[str], code: int, named: str
) -> None:
    folder = tmp_path / "exchange"

    told = exchange(*init(folder, *words))

    assert told.code == code
    assert named in told.err
    assert "Traceback" not in told.err + told.out
    assert left(folder) == []
    assert exchange(*init(folder)).code == 0
    assert Settings.load(folder).origin == ORIGIN


def test_without_training_plain_http_is_refused_before_anything_is_written(exchange: Command, tmp_path: Path) -> None:
    told = exchange("init", tmp_path / "exchange", "--origin", ORIGIN)

    assert (told.code, left(tmp_path / "exchange")) == (2, [])
    assert "https" in told.err


@pytest.mark.parametrize("last", ["exchange.toml", "pin.json", "officers"])
def test_what_fails_at_the_very_end_is_taken_back(
    exchange: Command, tmp_path: Path, last: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As a disk that is full by then: no key stays behind for an exchange that is none."""
    folder = tmp_path / "exchange"

    def full(path: Path, *_: object, **__: object) -> int:
        raise OSError(28, "No space left on device", str(path))

    with monkeypatch.context() as disk:
        if last == "officers":
            disk.setattr("exchange.client.profile.Path.write_text", full)
        elif last == "pin.json":
            disk.setattr("exchange.founding.Path.write_bytes", full)
        else:
            disk.setattr("exchange.founding._write_settings", lambda folder, *_: full(folder / last))
        told = exchange(*init(folder), "--json")

    assert (told.code, told.document["error"]["reason"]) == (2, "FILE_WRONG")
    assert "No space left" in told.document["error"]["says"]
    assert left(folder) == []
    assert exchange(*init(folder)).code == 0


@pytest.mark.parametrize("remains", ["secrets", "officers", "exchange.toml"])
def test_what_may_be_the_keys_of_another_exchange_is_never_touched(
    exchange: Command, tmp_path: Path, remains: str
) -> None:
    folder = tmp_path / "exchange"
    assert exchange(*init(folder)).code == 0
    for name in {"secrets", "officers", "exchange.toml"} - {remains}:
        shutil.move(folder / name, tmp_path / name)
    before = sorted(folder.rglob("*"))

    told = exchange(*init(folder))

    assert told.code == 2
    assert "choose another folder" in told.err
    assert sorted(folder.rglob("*")) == before


def test_a_database_that_has_an_exchange_keeps_it(exchange: Command, tmp_path: Path) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    assert exchange(*init(first)).code == 0

    told = exchange(*init(second, "--database", f"sqlite:///{first / 'exchange.db'}"))

    assert told.code == 2
    assert "founded in this database already" in told.err
    assert left(second) == []
    assert exchange("doctor", "--folder", first).code == 0


def test_a_policy_file_that_is_no_text_is_named(exchange: Command, tmp_path: Path) -> None:
    policies = Path(shutil.copytree(str(shipped.folder("policies")), tmp_path / "policies"))
    (policies / "more.cedar").write_bytes(b"\xff\xfe")

    told = exchange(*init(tmp_path / "exchange", "--policies", str(policies)))

    assert told.code == 2
    assert "more.cedar" in told.err
