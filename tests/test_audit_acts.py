"""Acts upon items, as anybody finds them wrong who has the leaves and their openings, and no database."""

import pytest

from exchange.audit import Finding
from tests.test_audit import audited
from tests.trails import HandMadeTrail, small_trail

READER, STRANGER = "ncb-ita", "ncb-deu"


@pytest.fixture
def trail() -> HandMadeTrail:
    return small_trail()


def only(trail: HandMadeTrail, position: int, says: str) -> bool:
    return audited(trail, trail.entries).findings == (Finding(position, says),)


def test_acts_upon_items_as_they_should_be_are_whole(trail: HandMadeTrail) -> None:
    item = trail.accept()
    trail.act_upon(item, type="restriction")
    trail.show(item)
    trail.show(item, reader="ncb-fra")
    trail.act_upon(item, type="restriction", told=[READER], anew=[STRANGER])
    trail.show(item, reader=STRANGER)
    trail.act_upon(item, type="correction", told=[STRANGER])
    trail.act_upon(item, told=[READER, STRANGER])
    trail.show(item, reader="ncb-fra")

    assert audited(trail, trail.entries).findings == ()


def test_behind_a_recall_nobody_is_shown_the_item(trail: HandMadeTrail) -> None:
    item, other = trail.accept(), trail.accept()
    trail.act_upon(item)

    shown, mixed = trail.show(item), trail.show(other, item)

    says = f"it shows {READER} an item that was taken back"
    assert audited(trail, trail.entries).findings == (Finding(shown, says), Finding(mixed, says))


def test_what_was_taken_back_is_not_acknowledged(trail: HandMadeTrail) -> None:
    """Whatever key it is signed with, which is another finding here."""
    item = trail.accept()
    trail.show(item)
    trail.act_upon(item, told=[READER])

    late = trail.acknowledge(item)

    says = f"{READER} acknowledges an item that was not released to it"
    assert Finding(late, says) in audited(trail, trail.entries).findings


@pytest.mark.parametrize("told", [[], [STRANGER], [READER, STRANGER]])
@pytest.mark.parametrize("type", ["recall", "restriction"])
def test_told_is_exactly_who_was_shown_the_item_before(trail: HandMadeTrail, type: str, told: list[str]) -> None:
    item = trail.accept()
    trail.show(item)

    act = trail.act_upon(item, type=type, told=told)

    assert only(trail, act, "those whom it tells are not those who had been shown the item")


def test_nobody_is_told_of_what_it_was_shown_later(trail: HandMadeTrail) -> None:
    item = trail.accept()

    act = trail.act_upon(item, type="restriction", told=[READER])
    trail.show(item)

    assert only(trail, act, "those whom it tells are not those who had been shown the item")


@pytest.mark.parametrize("type", ["recall", "restriction", "correction"])
def test_an_item_is_acted_upon_by_its_source_alone(trail: HandMadeTrail, type: str) -> None:
    foreign = trail.accept(sender="ncb-fra")
    position = len(trail.entries)
    trail.act_upon(foreign, type=type, sender="ncb-ita")

    assert Finding(position, "it acts upon an item that is not its actor's") in audited(trail, trail.entries).findings


def test_an_item_is_passed_on_by_whoever_has_it(trail: HandMadeTrail) -> None:
    item = trail.accept()
    first = trail.act_upon(item, type="forward", sender=READER, anew=[STRANGER])
    second = trail.act_upon(item, type="forward", sender="ncb-esp", anew=["ncb-bra"])

    says = "it passes on an item that was not released to its actor"
    found = audited(trail, trail.entries).findings
    assert Finding(second, says) in found
    assert Finding(first, says) not in found


def test_what_was_taken_back_is_acted_upon_no_more(trail: HandMadeTrail) -> None:
    item = trail.accept()
    trail.act_upon(item)

    again = trail.act_upon(item, type="restriction", anew=[STRANGER])

    assert only(trail, again, "it acts upon an item that was taken back")


def test_an_act_is_upon_an_item_that_was_accepted_before_it(trail: HandMadeTrail) -> None:
    page, itself = trail.act_upon(5), len(trail.entries)
    trail.act_upon(itself)
    nowhere = trail.act_upon(1_000)

    says = "it acts upon an item that was never accepted"
    assert audited(trail, trail.entries).findings == tuple(Finding(at, says) for at in (page, itself, nowhere))
