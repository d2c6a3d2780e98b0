"""docs/reasons.md is what the code says, all of it."""

from exchange.refusal import Reason
from exchange.web.problem import STATUS
from scripts import reasons


def test_the_page_is_up_to_date() -> None:
    assert reasons.PAGE.read_text("utf-8") == reasons.page(), "run `python -m scripts.reasons`"


def test_every_reason_has_a_status_and_stands_on_the_page_once() -> None:
    listed = [reason for _, group in reasons.sections_of_reasons() for reason in group]

    assert listed == list(Reason)
    assert set(STATUS) == set(Reason)
