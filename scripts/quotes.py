"""Writes anew what docs/protocol.md quotes of docs/vectors/: texts as they stand there, JSON text by text.

    python -m scripts.quotes

A JSON example keeps its form; only texts in it are exchanged. One that has other members than its vector is left as it
is, and the tests say so.
"""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from scripts.vectors import FOLDER

PAGE = FOLDER.parent / "protocol.md"
ELISION = "…"

_QUOTE = re.compile(r"^```(?P<language>json|text) vector=(?P<vector>\S+).*\n(?P<text>(?s:.*?))^```$", re.MULTILINE)


def vector(reference: str, folder: Path = FOLDER) -> Any:
    """`message#/envelope` -> what stands there (RFC 6901, of names without escapes)."""
    name, _, pointer = reference.partition("#/")
    value = json.loads((folder / f"{name}.json").read_text("utf-8"))
    for step in pointer.split("/") if pointer else ():
        value = value[step]
    return value


def quoted(page: str) -> str:
    """The page with every quotation as its vector says it."""
    return _QUOTE.sub(lambda found: found[0].replace(found["text"], _quote(found)), page)


def _quote(found: re.Match[str]) -> str:
    true = vector(found["vector"])
    if found["language"] == "text":
        return str(true)
    text = found["text"]
    for old, new in _exchanged(json.loads(text), json.loads(true) if isinstance(true, str) else true):
        text = text.replace(_written(old), _written(new))
    return text


def _exchanged(shown: Any, true: Any) -> Iterator[tuple[str, str]]:
    if isinstance(shown, dict) and isinstance(true, dict):
        for name in shown.keys() & true.keys():
            yield from _exchanged(shown[name], true[name])
    elif isinstance(shown, list) and isinstance(true, list) and len(shown) == len(true):
        for one, other in zip(shown, true, strict=True):
            yield from _exchanged(one, other)
    elif isinstance(shown, str) and isinstance(true, str) and shown != true:
        cut = len(shown) - 1 if shown.endswith(ELISION) else None
        yield shown, true[:cut] + (ELISION if cut is not None else "")


def _written(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)


if __name__ == "__main__":
    PAGE.write_text(quoted(PAGE.read_text("utf-8")), "utf-8")
