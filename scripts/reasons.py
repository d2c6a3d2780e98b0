"""Writes docs/reasons.md: every reason with its status, its meaning and what to do, from the code itself.

python -m scripts.reasons
"""

import inspect
import re
from collections.abc import Iterator
from pathlib import Path

from exchange import refusal
from exchange.refusal import Reason
from exchange.web.problem import STATUS

PAGE = Path(__file__).parent.parent / "docs" / "reasons.md"

_HEAD = """\
# Reasons

Every way to be turned away. Written by `python -m scripts.reasons` from `refusal.py` and the table of statuses in
`web/problem.py`; a test fails when this page differs from them.

A refusal is `application/problem+json` (RFC 9457). Programs compare `reason`; the words may change, the codes do not.
Where a reason is itself an access rule, the rule is named and stands in `rules`.
"""
_COLUMNS = "| reason | status | it means | what to do | rule |\n|---|---|---|---|---|\n"
_SECTION = re.compile(r"    # (?P<title>.+)")
_MEMBER = re.compile(r"    (?P<code>[A-Z][A-Z_]+) = Meaning\(")


def page() -> str:
    """The whole page. Every reason has a status: a missing one is a KeyError."""
    sections = [f"\n## {title}\n\n{_COLUMNS}{''.join(map(_row, reasons))}" for title, reasons in sections_of_reasons()]
    return _HEAD + "".join(sections)


def sections_of_reasons() -> Iterator[tuple[str, list[Reason]]]:
    """The groups as the code writes them, each under its comment."""
    title, reasons = "", list[Reason]()
    for line in inspect.getsource(refusal.Reason).splitlines():
        if found := _SECTION.fullmatch(line):
            if reasons:
                yield title, reasons
            title, reasons = found["title"], []
        elif found := _MEMBER.match(line):
            reasons.append(Reason[found["code"]])
    yield title, reasons


def _row(reason: Reason) -> str:
    rule = reason.rule.id if reason.rule else ""
    return f"| `{reason.code}` | {STATUS[reason]} | {reason.says} | {reason.mend} | {rule} |\n"


if __name__ == "__main__":
    PAGE.write_text(page(), "utf-8")
