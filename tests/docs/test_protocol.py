"""docs/protocol.md: every JSON in it is a vector, fits a schema, or has the shape of a living answer."""

import json
from typing import Any

import pytest

from exchange import shipped
from exchange.jose import Kind
from exchange.leaf import Event, Field
from exchange.participant import ChangeKind
from exchange.schema import SUFFIX, Schemas
from scripts.quotes import quoted, vector
from tests.docs.fences import ROOT, Block, blocks
from tests.refused import outcome

PAGE = ROOT / "docs" / "protocol.md"
BLOCKS = list(blocks(PAGE))
JSON = [block for block in BLOCKS if block.language == "json"]
MARKS = {"vector", "schema", "shape"}
ELISION = "…"


def marked(mark: str, *languages: str) -> list[Block]:
    return [block for block in BLOCKS if mark in block.marks and block.language in languages]


def agrees(shown: Any, true: Any) -> bool:
    """Whether what is shown is what is true, but for texts that are cut off with …"""
    if isinstance(shown, dict) and isinstance(true, dict):
        return shown.keys() == true.keys() and all(agrees(shown[name], true[name]) for name in shown)
    if isinstance(shown, str) and shown.endswith(ELISION) and isinstance(true, str):
        return true.startswith(shown.removesuffix(ELISION))
    return bool(shown == true)


def test_every_json_of_the_protocol_is_held_to_something() -> None:
    assert len(JSON) > 15
    assert [str(block) for block in JSON if not MARKS & block.marks.keys()] == []
    assert [str(block) for block in BLOCKS if block.marks.keys() - MARKS] == []


@pytest.mark.parametrize("block", marked("vector", "json"), ids=str)
def test_an_example_is_the_vector_that_it_names(block: Block) -> None:
    true = vector(block.marks["vector"])

    assert agrees(json.loads(block.text), json.loads(true) if isinstance(true, str) else true)


@pytest.mark.parametrize("block", marked("vector", "text"), ids=str)
def test_a_text_is_the_vector_that_it_names(block: Block) -> None:
    assert block.text == vector(block.marks["vector"])


@pytest.mark.parametrize("block", marked("schema", "json"), ids=str)
def test_an_example_fits_the_schema_that_it_names(block: Block) -> None:
    schemas = Schemas.compile(shipped.texts("schemas", SUFFIX))

    assert outcome(lambda: schemas.check(block.marks["schema"], json.loads(block.text))) is None


@pytest.mark.parametrize("words", [Kind, Event, Field, ChangeKind], ids=lambda words: words.__name__)
def test_the_protocol_tells_of_every_word(words: Any) -> None:
    told = PAGE.read_text("utf-8")

    assert [word.value for word in words if f"`{word.value}`" not in told] == []


def test_what_the_page_quotes_can_be_written_anew() -> None:
    """As it stands it changes nothing; what was changed in it comes back."""
    page = PAGE.read_text("utf-8")
    leaf = next(block for block in JSON if block.marks.get("vector") == "leaf#/leaf")
    policy = json.loads(leaf.text)["policy"]

    assert quoted(page) == page
    assert quoted(page.replace(policy, "0" * 64).replace("\n6\nR", "\n6\nX")) == page


def test_a_cut_text_agrees_with_its_beginning_only() -> None:
    """The control of `agrees`."""
    assert agrees({"leaf": "ab…"}, {"leaf": "abc"})
    assert not agrees({"leaf": "ab…"}, {"leaf": "xbc"})
    assert not agrees({"leaf": "…"}, {"leaf": "abc", "more": 1})
