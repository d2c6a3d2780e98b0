"""The README does what it says: its tour leads through, its first screen sends, its commands are there."""

import re
import shutil

import pytest

from tests.docs.fences import ROOT, Block, blocks
from tests.docs.tour import AFTERWARDS, README, TOUR, Shell, unseen

OPERATIONS = ROOT / "docs" / "operations.md"


def test_the_tour_leads_through(shell: Shell) -> None:
    assert len(TOUR) > 8
    assert shell.running[0].poll() is None


@pytest.mark.parametrize("block", AFTERWARDS, ids=str)
def test_the_first_screen_does_what_it_says(block: Block, shell: Shell) -> None:
    assert shell.do(block) == 0, shell.printed
    assert "ncb-ita:" in shell.printed


def test_the_first_screen_sends_by_sdk_and_by_command() -> None:
    assert [block.language for block in AFTERWARDS] == ["python", "sh"]
    assert all(block.line < 40 for block in AFTERWARDS)


@pytest.mark.parametrize("way", ["python", "sqlite"])
def test_the_backup_of_a_living_exchange_is_whole(shell: Shell, way: str) -> None:
    """docs/operations.md: the command as it stands there, then the copy instead of the original."""
    (block,) = [block for block in blocks(OPERATIONS) if block.marks.get("backup") == way]
    if way == "sqlite" and shutil.which("sqlite3") is None:
        pytest.skip("there is no sqlite3 here; the other way is tested")

    assert shell.do(block) == 0, shell.printed
    restored = """
        rm -rf restored
        cp -r training restored
        rm -f restored/exchange.db* restored/published.json
        mv copy.db restored/exchange.db
        sed -i.old 's#[^/]*/exchange.db#restored/exchange.db#' restored/exchange.toml
        key=$(sed 's/.*"trail_key":"\\([^"]*\\)".*/\\1/' restored/pin.json)
        exchange trail verify --database restored --trail-key "$key"
    """
    assert shell.do(Block(page="", line=0, language="sh", marks={}, text=restored)) == 0, shell.printed
    assert "as they were signed" in shell.printed


def test_every_command_of_the_readme_is_one_of_make() -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    named = set(re.findall(r"`make ([a-z-]+)", README.read_text("utf-8")))

    assert {"demo", "test"} <= named <= targets


def test_a_line_that_nobody_printed_is_noticed() -> None:
    assert unseen("all … entries\n", "x: all 3 entries are\nall 3 entries\n") == []
    assert unseen("all … entries\nmore\n", "all entries\n") == ["all … entries", "more"]


def test_a_checkpoint_that_was_kept_is_held_against_the_trail(shell: Shell) -> None:
    """docs/operations.md tells to keep one; this is what it is good for."""
    kept = "exchange trail show --as ncb-fra > kept.txt && exchange trail verify --as ovs-audit --checkpoint kept.txt"

    assert shell.do(Block(page="", line=0, language="sh", marks={}, text=kept)) == 0, shell.printed
