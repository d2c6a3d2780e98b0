"""Fenced blocks of a Markdown page: their language, their marks, and what they hold.

A mark stands behind the language: ```json schema=change vector=message#/envelope
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")])

_FENCE = re.compile(r"^```(?P<info>[^\n`]*)\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    page: str
    line: int
    language: str
    marks: Mapping[str, str]
    text: str

    def __str__(self) -> str:
        return f"{self.page}:{self.line}"


def blocks(page: Path) -> Iterator[Block]:
    whole = page.read_text("utf-8")
    for found in _FENCE.finditer(whole):
        language, *marks = found["info"].split() or [""]
        yield Block(
            page=str(page.relative_to(ROOT)),
            line=whole.count("\n", 0, found.start()) + 1,
            language=language,
            marks=dict(mark.partition("=")[::2] for mark in marks),
            text=found["text"],
        )
