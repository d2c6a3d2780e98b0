"""Facts about a participant and an item at a moment."""

from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from exchange import relation
from exchange.jose import SigningKey
from exchange.label import Classification, Handling, Label, Tier, Visibility
from exchange.participant import Agreement, Grant, Key, Participant, ParticipantId, Use
from exchange.relation import ItemFacts, OwningFacts, ParticipantFacts, PostingFacts, ReadingFacts
from tests.network import NOW, label, message, participant, suspended

SENDER = ParticipantId("ncb-fra")
ITALY = participant("ncb-ita", country="ITA", clearance=Classification.RES)
SECOND = timedelta(seconds=1)


def reading(marked: Label, **changed: object) -> ReadingFacts:
    asked = {"sender": SENDER, "reader": ITALY, "addressee": True, "now": NOW, **changed}
    return relation.reading(marked, **asked)  # type: ignore[arg-type]


def test_of_a_participant_its_tier_clearance_status_and_training_count() -> None:
    assert relation.participant(ITALY) == ParticipantFacts(Tier.T1, 2, True, False)
    assert relation.participant(suspended(ITALY)) == ParticipantFacts(Tier.T1, 2, False, False)


def test_routing_does_not_see_a_suspension() -> None:
    assert relation.recipient(suspended(ITALY)) == relation.participant(ITALY)


def test_of_an_item_its_label_counts() -> None:
    marked = label("RES", "MINOR", "EXERCISE", hit_visibility=Visibility.GRAY)

    assert relation.item(marked) == ItemFacts(
        2, frozenset({Handling.MINOR}), frozenset(Tier), Visibility.GRAY, True, True
    )


def test_posting_states_what_its_label_demands() -> None:
    child = {"kind": "person", "age": 9}

    assert relation.posting(message(label("OUO", "MINOR"), "ncb-ita", entities=[child]), ITALY, NOW) == PostingFacts(
        True, True
    )
    assert relation.posting(
        message(label("OUO", "MINOR", "SENS"), "ncb-ita", entities=[{"kind": "person"}]), ITALY, NOW
    ) == (PostingFacts(False, False))


@pytest.mark.parametrize(
    ("marked", "excluded"),
    [
        (label(), False),
        (label(exclude="ITA"), True),
        (label(exclude="DEU BRA"), False),
        (label(only="ITA"), False),
        (label(only="DEU"), True),
    ],
)
def test_a_country_is_excluded_by_name_or_by_not_being_included(marked: Label, excluded: bool) -> None:
    assert reading(marked).excluded is excluded


def test_an_item_expires_at_its_very_moment() -> None:
    marked = label(expires=NOW + SECOND)

    assert not reading(marked).expired
    assert reading(marked, now=NOW + SECOND).expired
    assert not reading(label()).expired


def test_a_source_is_known_by_its_id_alone() -> None:
    assert reading(label(), sender=ITALY.id).is_source
    assert not reading(label()).is_source
    assert not reading(label(), addressee=False).addressee


def test_of_an_act_upon_an_item_it_counts_whose_that_is() -> None:
    assert relation.owning(SENDER, SENDER) == OwningFacts(True)
    assert relation.owning(SENDER, ITALY.id) == OwningFacts(False)


def test_a_fact_that_came_later_is_as_it_was_all_along() -> None:
    assert reading(label()) == ReadingFacts(True, False, False, False)
    assert relation.posting(message(label(), "ncb-ita"), ITALY, NOW) == PostingFacts(True, True)
    assert reading(label(), recalled=True).recalled


# What it is read for


@pytest.mark.parametrize(
    ("named", "purpose", "fits"),
    [
        ((), "", True),
        ((), "P1", True),
        (("P1",), "", True),
        (("P1", "P7"), "P1", True),
        (("P3",), "P1", False),
        (("P7",), "P7", False),
        (("P7",), "", False),
    ],
)
def test_a_purpose_fits_where_the_label_names_it_and_the_reader_holds_it(
    named: tuple[str, ...], purpose: str, fits: bool
) -> None:
    reader = participant("ncb-ita", purposes=frozenset({"P1", "P3"}))

    assert relation.purpose_fits(label(purpose=named), reader, purpose) is fits
    assert reading(label(purpose=named), reader=reader, type="message", purpose=purpose).purpose_fits is fits


def test_routing_does_not_see_what_anybody_reads_for() -> None:
    assert reading(label(purpose=("P9",))).purpose_fits


# What a bureau granted its entity


def granted(*scopes: str, until: timedelta = 9 * SECOND, review_by: timedelta = 5 * SECOND) -> Participant:
    grant = Grant(scopes=frozenset(scopes), until=NOW + until, review_by=NOW + review_by)
    return participant("ent-fra-customs", Tier.T2, bureau=SENDER, grant=grant)


def posted_as(kind: str, who: Participant, now: datetime = NOW) -> tuple[bool, bool]:
    """-> granted, reviewed."""
    stated = relation.posting(replace(message(label(), "ncb-ita"), type=kind), who, now)
    return stated.granted, stated.reviewed


def test_an_entity_posts_what_its_bureau_granted() -> None:
    customs = granted("message/submit", "feedback/read", "*/forward")

    assert posted_as("message", customs) == (True, True)
    assert posted_as("feedback", customs) == (False, True)
    assert posted_as("information-request", granted("*/submit")) == (True, True)


def test_a_grant_ends_at_its_moment_and_so_does_its_review() -> None:
    customs = granted("*/submit")

    assert posted_as("message", customs, NOW + 5 * SECOND) == (True, False)
    assert posted_as("message", customs, NOW + 9 * SECOND) == (False, False)
    assert posted_as("recall", customs, NOW + 8 * SECOND) == (True, False)
    assert posted_as("recall", customs, NOW + 9 * SECOND) == (False, False)


def test_an_entity_that_nothing_was_granted_posts_nothing_and_others_need_no_grant() -> None:
    assert posted_as("message", participant("ent-fra-customs", Tier.T2)) == (False, False)
    for tier in set(Tier) - {Tier.T2}:
        assert posted_as("message", participant("somebody", tier)) == (True, True)


def agreed(*types: str, areas: tuple[str, ...] = ("ENV",), **moments: timedelta) -> Participant:
    moments = {"since": 0 * SECOND, "until": 9 * SECOND} | moments
    window = {name: NOW + moment for name, moment in moments.items()}
    agreement = Agreement(reference="A 1", types=frozenset(types), crime_areas=frozenset(areas), **window)
    return participant("agy-wildlife", Tier.T3, "XXA", agreement=agreement)


@pytest.mark.parametrize(
    ("who", "areas", "may"),
    [
        (agreed("message"), (), True),
        (agreed("message"), ("ENV.WLD", "DRG"), True),
        (agreed("message"), ("DRG",), False),
        (agreed("message", areas=("ENV.WLD",)), ("ENV",), False),
        (agreed("message", areas=()), (), True),
        (agreed("feedback"), (), False),
        (agreed("message", until=0 * SECOND), (), False),
        (agreed("message", since=SECOND), (), False),
        (participant("agy-wildlife", Tier.T3), (), False),
        (participant("prt-museum", Tier.T4), (), False),
        *((participant("somebody", tier), ("DRG",), True) for tier in (Tier.T0, Tier.T1, Tier.T2, Tier.T6)),
    ],
)
def test_an_agency_takes_part_in_what_its_agreement_covers_and_routing_does_not_ask(
    who: Participant, areas: tuple[str, ...], may: bool
) -> None:
    marked = label(crime_area=areas)

    assert relation.posting(message(marked, "ncb-ita"), who, NOW).agreed is may
    assert reading(marked, reader=who, type="message").agreed is may
    assert reading(marked, reader=who).agreed


def test_what_acts_upon_an_item_needs_an_agreement_in_force_and_no_more() -> None:
    assert reading(label(crime_area=("DRG",)), reader=agreed(), type="recall").agreed
    assert not reading(label(), reader=agreed("recall", until=0 * SECOND), type="recall").agreed


def test_a_decision_is_valid_until_an_agreement_may_change_it() -> None:
    assert relation.valid_until(label(), None, NOW, agreed(since=2 * SECOND)) == NOW + 2 * SECOND
    assert relation.valid_until(label(), None, NOW, agreed()) == NOW + 9 * SECOND


@pytest.mark.parametrize(
    ("who", "may"),
    [
        (granted("message/read"), (True, True)),
        (granted("*/submit", "feedback/read"), (False, True)),
        (granted("*/read", until=0 * SECOND), (False, True)),
        (granted("*/read", review_by=0 * SECOND), (True, False)),
        (participant("ent-fra-customs", Tier.T2), (False, False)),
    ],
)
def test_an_entity_reads_what_its_bureau_granted_and_routing_does_not_ask(
    who: Participant, may: tuple[bool, bool]
) -> None:
    read, routed = reading(label(), reader=who, type="message"), reading(label(), reader=who)

    assert (read.granted, read.reviewed) == may
    assert (routed.granted, routed.reviewed) == (True, True)


def test_a_decision_is_valid_until_a_grant_may_change_it() -> None:
    customs = granted()

    assert relation.valid_until(label(), None, NOW, customs) == NOW + 5 * SECOND
    assert relation.valid_until(label(), None, NOW + 5 * SECOND, customs) == NOW + 9 * SECOND
    assert relation.valid_until(label(expires=NOW + SECOND), key(2 * SECOND), NOW, customs) == NOW + SECOND


def key(not_after: timedelta) -> Key:
    return Key(
        verifying=SigningKey.generate().public, use=Use.MESSAGE, not_before=NOW - SECOND, not_after=NOW + not_after
    )


def test_a_decision_is_valid_until_time_alone_may_change_it() -> None:
    lasting = label(expires=NOW + 3 * SECOND)

    assert relation.valid_until(label(), None, NOW) is None
    assert relation.valid_until(lasting, None, NOW) == NOW + 3 * SECOND
    assert relation.valid_until(lasting, key(2 * SECOND), NOW) == NOW + 2 * SECOND
    assert relation.valid_until(lasting, key(9 * SECOND), NOW) == NOW + 3 * SECOND


def test_what_time_has_changed_already_it_does_not_change_again() -> None:
    expired = label(created=NOW - 2 * SECOND, expires=NOW)

    assert relation.valid_until(expired, None, NOW) is None
    assert relation.valid_until(expired, key(SECOND), NOW) == NOW + SECOND
