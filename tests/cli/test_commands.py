"""What holds for every command alike, by walking through all of them."""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer

from exchange import cli
from tests.cli.conftest import Command


def commands(of: Any, *path: str) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Every command that does something, with the words that name it."""
    for name, command in of.commands.items():
        if hasattr(command, "commands"):
            yield from commands(command, *path, name)
        else:
            yield (*path, name), command


ALL = dict(commands(typer.main.get_command(cli.application())))

every_command = pytest.mark.parametrize("path", ALL, ids=" ".join)


def test_there_are_commands() -> None:
    assert {("init",), ("serve",), ("demo",), ("send",), ("key", "admit"), ("trail", "verify")} <= ALL.keys()


@every_command
def test_every_command_answers_as_json_if_it_is_asked(path: tuple[str, ...]) -> None:
    options = {option for parameter in ALL[path].params for option in parameter.opts}

    assert "--json" in options


@every_command
def test_wrong_usage_of_every_command_is_told_in_json_too(exchange: Command, path: tuple[str, ...]) -> None:
    told = exchange(*path, "--no-such-option", "--json")

    error = told.document["error"]
    assert (told.code, error["exit"], error["reason"], told.err) == (2, 2, "USAGE", "")
    assert "--no-such-option" in error["says"]


@every_command
def test_every_command_says_what_it_does(exchange: Command, path: tuple[str, ...]) -> None:
    told = exchange(*path, "--help")

    assert told.code == 0
    assert ALL[path].help


@pytest.mark.parametrize(
    "words",
    [
        ("no-such-command",),
        ("policy",),
        ("inbox",),
        ("doctor",),
        ("inbox", "--limit", "many", "--as", "nowhere"),
        ("serve", "nowhere"),
        ("demo", "--keep"),
        ("policy", "check", "--policies", "nowhere"),
        ("key", "request", "--as", "nowhere"),
    ],
    ids=" ".join,
)
def test_what_was_said_wrong_is_one_document(exchange: Command, words: tuple[str, ...]) -> None:
    told = exchange(*words, "--json")

    assert told.code == told.document["error"]["exit"] == 2
    assert told.document["error"]["says"]


def test_without_json_the_parser_says_how_the_command_is_used(exchange: Command) -> None:
    told = exchange("inbox")

    assert (told.code, told.out) == (2, "")
    assert "Usage: exchange inbox" in told.err
    assert "--as" in told.err


def test_serving_says_where_in_json(exchange: Command, tmp_path: Path) -> None:
    assert exchange("init", tmp_path, "--origin", "exchange.example/served", "--training").code == 0
    command = [
        sys.executable,
        "-c",
        "from exchange.cli import main; main()",
        "serve",
        str(tmp_path),
        "--port=0",
        "--json",
    ]

    serving = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    assert serving.stdout is not None
    said = json.loads(serving.stdout.readline())
    serving.terminate()
    rest, _ = serving.communicate(timeout=30)

    assert said["serving"] == "exchange.example/served"
    assert said["url"].startswith("http://127.0.0.1:")
    assert (serving.returncode, rest) == (0, b"")
