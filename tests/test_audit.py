"""The whole trail, checked: a true one passes, and whatever is changed in one is found at its position."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

import pytest

from exchange import leaf, merkle, strictjson
from exchange.audit import Auditor, Entry, Finding, Opening, Report
from exchange.jose import SigningKey
from exchange.leaf import Draft, Event, Field
from exchange.note import Checkpoint, TrailKey
from exchange.participant import ChangeKind
from tests.trails import ORIGIN, SCHEMAS, TOLD, HandMadeTrail, decisions, small_trail


@pytest.fixture(scope="module")
def trail() -> HandMadeTrail:
    return small_trail()


def audited(
    trail: HandMadeTrail,
    entries: Sequence[Entry],
    *,
    checkpoint: Checkpoint | None = None,
    earlier: Sequence[Checkpoint] = (),
    trail_key: str = "",
    genesis: str = "",
) -> Report:
    """These entries, against the head that was signed over the true ones."""
    auditor = Auditor(
        checkpoint or trail.checkpoint(),
        trail_key=trail_key or trail.trail_key.vkey(),
        schemas=SCHEMAS,
        genesis=genesis or trail.genesis,
        earlier=earlier,
    )
    for entry in entries:
        auditor.examine(entry)
    return auditor.conclude()


def positions(report: Report) -> set[int]:
    return {finding.position for finding in report.findings if finding.position is not None}


def with_member(entry: Entry, **members: object) -> Entry:
    """The entry with its leaf written anew, as somebody would who knows how leaves are written."""
    stated = strictjson.parse_object(entry.leaf, limit=leaf.LIMIT) | members
    return replace(entry, leaf=strictjson.write(stated))


def test_a_true_trail_is_whole(trail: HandMadeTrail) -> None:
    report = audited(trail, trail.entries, earlier=[trail.checkpoint(trail.entries[:n]) for n in range(1, 8)])

    assert report.findings == ()
    assert report.whole
    assert (report.origin, report.size, report.entries) == (ORIGIN, 8, 8)
    assert report.events["message.accepted"] == 3
    assert report.checked == {"openings": 13, "changes": 2, "keys": 3}


@pytest.mark.parametrize("position", range(8))
def test_a_leaf_that_was_rewritten_is_found_where_it_stands(trail: HandMadeTrail, position: int) -> None:
    forged = list(trail.entries)
    forged[position] = with_member(forged[position], actor="ncb-xxx")

    report = audited(trail, forged)

    assert min(positions(report)) == position
    assert Finding(None, "the root over the 8 entries is not the signed one") in report.findings


@pytest.mark.parametrize("position", range(8))
def test_a_rewritten_leaf_whose_kept_hash_was_rewritten_too_still_breaks_the_root(
    trail: HandMadeTrail, position: int
) -> None:
    """And the earlier checkpoints say between which sizes."""
    forged = list(trail.entries)
    changed = with_member(forged[position], blind="ab" * 16)
    forged[position] = replace(changed, hash=merkle.leaf_hash(changed.leaf))
    kept = [trail.checkpoint(trail.entries[:n]) for n in range(1, 8)]

    report = audited(trail, forged, earlier=kept)

    broken = [finding.says for finding in report.findings if "earlier signed checkpoint" in finding.says]
    assert len(broken) == 7 - position
    assert any("is not the signed one" in finding.says for finding in report.findings)


def test_bytes_that_are_no_leaf_are_found(trail: HandMadeTrail) -> None:
    forged = list(trail.entries)
    forged[3] = replace(forged[3], leaf=forged[3].leaf.replace(b'","', b'", "', 1))

    assert min(positions(audited(trail, forged))) == 3


@pytest.mark.parametrize("position", [1, 4, 7])
def test_a_missing_entry_is_named(trail: HandMadeTrail, position: int) -> None:
    report = audited(trail, [entry for entry in trail.entries if entry.position != position])

    assert (position, "is missing") in [(f.position, f.says[:10]) for f in report.findings]


def test_a_trail_that_was_cut_off_is_found(trail: HandMadeTrail) -> None:
    assert positions(audited(trail, trail.entries[:5])) == {5}


def test_a_trail_that_ends_before_an_earlier_checkpoint_is_found(trail: HandMadeTrail) -> None:
    shorter = trail.checkpoint(trail.entries[:5])

    report = audited(trail, trail.entries[:5], checkpoint=shorter, earlier=[trail.checkpoint()])

    assert report.findings == (Finding(5, "is missing: a checkpoint of 8 entries was signed before"),)


def test_an_entry_beyond_the_checkpoint_is_found(trail: HandMadeTrail) -> None:
    assert positions(audited(trail, trail.entries, checkpoint=trail.checkpoint(trail.entries[:7]))) == {7}


def test_an_inserted_entry_is_found(trail: HandMadeTrail) -> None:
    report = audited(trail, [*trail.entries[:4], trail.entries[3], *trail.entries[4:]])

    assert Finding(3, "comes where 4 is expected") in report.findings


def test_swapped_leaves_are_found_where_they_stand(trail: HandMadeTrail) -> None:
    swapped = list(trail.entries)
    swapped[3] = replace(trail.entries[3], leaf=trail.entries[4].leaf)
    swapped[4] = replace(trail.entries[4], leaf=trail.entries[3].leaf)

    assert {3, 4} <= positions(audited(trail, swapped))


@pytest.mark.parametrize(
    ("position", "kind"),
    [(0, Field.GENESIS), (1, Field.CHANGE), (3, Field.ROUTING), (4, Field.DECISIONS), (5, Field.USER)],
)
@pytest.mark.parametrize("member", ["salt", "text", "gone"])
def test_an_opening_that_was_changed_or_taken_away_is_found(
    trail: HandMadeTrail, position: int, kind: Field, member: str
) -> None:
    entry = trail.entries[position]
    opening = entry.openings[kind]
    openings = {name: o for name, o in entry.openings.items() if name is not kind}
    if member == "salt":
        openings[kind] = Opening(salt=bytes(32), text=opening.text)
    if member == "text":
        openings[kind] = Opening(salt=opening.salt, text=opening.text + b" ")
    forged = list(trail.entries)
    forged[position] = replace(entry, openings=openings)

    report = audited(trail, forged)

    assert positions(report) == {position}


def test_what_a_source_finds_by_itself_is_reported(trail: HandMadeTrail) -> None:
    told = list(trail.entries)
    told[6] = replace(told[6], faults=("its key does not unwrap",))

    assert audited(trail, told).findings == (Finding(6, "its key does not unwrap"),)


def test_time_never_goes_back() -> None:
    trail = small_trail()
    late = leaf.read(trail.entries[6].leaf).at + timedelta(hours=1)
    trail.entries[6] = with_member(trail.entries[6], at=late.strftime("%Y-%m-%dT%H:%M:%S.%fZ"))
    trail.entries[6] = replace(trail.entries[6], hash=None)

    assert audited(trail, trail.entries).findings == (Finding(7, "its time lies before that of the entry before it"),)


def test_a_message_signed_by_a_key_that_was_revoked_before_is_found() -> None:
    trail = small_trail()
    revoked = trail.message_key.public.kid
    trail.change(ChangeKind.KEY_REVOKE, trail.own_officer, participant="ncb-fra", kid=revoked, reason="compromised")

    forged = trail.accept()

    assert positions(audited(trail, trail.entries)) == {forged}


def test_a_message_by_a_key_that_is_not_its_actors_is_found() -> None:
    trail = small_trail()

    forged = trail.accept("ncb-ita")

    assert positions(audited(trail, trail.entries)) == {forged}


def test_a_key_slipped_in_without_its_officer_is_found_where_it_came_in() -> None:
    trail = small_trail()
    stranger = SigningKey.generate()
    trail.message_key = SigningKey.generate()
    key = {"use": "message", "jwk": trail.message_key.public.jwk, **trail.window()}

    slipped = trail.change(ChangeKind.KEY_ADD, stranger, participant="ncb-fra", **key)
    trail.accept()

    assert audited(trail, trail.entries).findings == (
        Finding(slipped, "the change does not follow from the directory before it"),
    )


def test_a_widening_with_one_officer_only_is_found() -> None:
    trail = small_trail()

    widened = trail.change(
        ChangeKind.RIGHTS, trail.officers[0], participant="ncb-fra", clearance="RES", purposes=[], crime_areas=[]
    )

    assert positions(audited(trail, trail.entries)) == {widened}


def test_a_leaf_that_names_another_directory_than_was_in_force_is_found() -> None:
    trail = small_trail()
    trail.directory = 1

    outdated = trail.accept()

    assert positions(audited(trail, trail.entries)) == {outdated}


def test_what_was_never_accepted_can_be_neither_shown_nor_acknowledged() -> None:
    trail = small_trail()

    shown = trail.show(5)
    acknowledged = trail.add(
        Draft(
            event=Event.ITEM_ACKNOWLEDGED,
            actor="ncb-fra",
            object="ncb-ita:01KAJ4Y0000000000000000000",
            key=trail.message_key.public.kid,
            sealed={Field.MESSAGE: b"header.payload"},
        )
    )

    assert positions(audited(trail, trail.entries)) == {shown, acknowledged}


def test_an_item_is_accepted_once() -> None:
    trail = small_trail()
    first = leaf.read(trail.entries[3].leaf)

    twice = trail.add(Draft(event=Event.MESSAGE_ACCEPTED, actor=first.actor, object=first.object, key=first.key))

    assert positions(audited(trail, trail.entries)) == {twice}


# ---- who was shown what


def test_readers_and_senders_are_shown_what_is_theirs() -> None:
    """The control of what follows."""
    trail = small_trail()
    item = trail.accept()
    trail.show(item, reader="ncb-fra")
    trail.show(item)
    trail.acknowledge(item)
    trail.message_key = SigningKey.generate()

    says = {finding.says for finding in audited(trail, trail.entries).findings}

    assert says == {"ncb-ita had no such key to sign messages with"}  # it is in no directory of this trail


def test_whoever_was_shown_what_was_not_released_to_it_is_found_where_it_was_shown() -> None:
    trail = small_trail()
    item = trail.accept()

    shown = trail.show(3, item, reader="ncb-deu")

    assert audited(trail, trail.entries).findings == (
        Finding(shown, "it shows ncb-deu an item that was not released to it"),
    )


def test_one_item_of_a_page_that_was_not_released_is_enough() -> None:
    trail = small_trail()
    withheld = {"asked": "-", "outcome": "CONTENT", "rules": [], "to": ["ncb-deu"]}
    told = b'[{"outcome":"released","participant":"ncb-deu"},{"outcome":"released","participant":"ncb-ita"}]'
    item = trail.accept(decided=decisions(withheld), told=told)

    honest, shown = trail.show(item, reader="ncb-deu"), trail.show(item, 3, reader="ncb-deu")

    assert positions(audited(trail, trail.entries)) == {shown}
    assert honest < shown


@pytest.mark.parametrize("who", ["ncb-deu", "ncb-fra"])
def test_whoever_acknowledges_what_was_not_released_to_it_is_found(who: str) -> None:
    """A stranger; or the sender, to whom its own item is never released."""
    trail = small_trail()
    item = trail.accept()

    acknowledged = trail.acknowledge(item, who)

    says = f"{who} acknowledges an item that was not released to it"
    assert Finding(acknowledged, says) in audited(trail, trail.entries).findings


@pytest.mark.parametrize("outcome", ["NOHIT", "POINTER"])
def test_who_was_decided_against_is_released_nothing(outcome: str) -> None:
    trail = small_trail()
    told = b'[{"outcome":"withheld","participant":"ncb-ita"}]'
    item = trail.accept(decided=decisions(outcome=outcome), told=told)

    shown = trail.show(item)

    assert positions(audited(trail, trail.entries)) == {shown}


@pytest.mark.parametrize(
    "decided",
    [
        b"[]",
        b"{}",
        b"no JSON",
        strictjson.write(decisions(to="ncb-ita")),
        strictjson.write(decisions(to=[["ncb-ita"]])),
        strictjson.write(decisions(named=["ncb-deu"])),
        strictjson.write(decisions({"asked": "-", "outcome": "NOHIT", "rules": [], "to": ["ncb-ita"]})),
        strictjson.write(decisions() | {"post": {"asked": "-", "outcome": "DENY", "rules": []}}),
        strictjson.write(decisions() | {"read": None}),
    ],
)
def test_decisions_that_are_none_or_contradict_themselves_are_found(decided: bytes) -> None:
    trail = small_trail()

    broken = trail.accept(decided=decided)
    trail.show(broken)

    assert audited(trail, trail.entries).findings == (
        Finding(broken, "its decisions are none, or contradict themselves"),
    )


def test_a_message_about_which_nothing_says_what_was_decided_is_found() -> None:
    trail = small_trail()

    silent = trail.accept(decided=b"")

    assert positions(audited(trail, trail.entries)) == {silent}


@pytest.mark.parametrize(
    "told",
    [
        b"{}",
        b"[1]",
        b'[{"outcome":"withheld","participant":"ncb-ita"}]',
        b'[{"outcome":"released","participant":"ncb-deu"}]',
        TOLD[:-1] + b"," + TOLD[1:],
        TOLD[:-1] + b',{"outcome":"withheld","participant":"ncb-deu"}]',
    ],
)
def test_a_sender_that_was_told_something_else_than_was_decided_is_found(told: bytes) -> None:
    trail = small_trail()

    lied_to = trail.accept(told=told)

    assert audited(trail, trail.entries).findings == (
        Finding(lied_to, "its sender was told something else than what was decided"),
    )


def test_without_an_engine_for_policies_the_report_says_that_nothing_was_decided_again(trail: HandMadeTrail) -> None:
    assert not audited(trail, trail.entries).decided_again


def test_another_genesis_than_the_pinned_one_is_found(trail: HandMadeTrail) -> None:
    assert positions(audited(trail, trail.entries, genesis="00" * 32)) == {0}


def test_a_trail_key_that_the_genesis_does_not_name_is_found(trail: HandMadeTrail) -> None:
    other = TrailKey.generate(ORIGIN).vkey()

    assert positions(audited(trail, trail.entries, trail_key=other)) == {0}


def test_a_trail_without_a_genesis_is_found() -> None:
    trail = HandMadeTrail()
    trail.add(Draft(event=Event.QUESTION_ASKED, actor="ovs-auditor", object="nothing"))

    assert positions(audited(trail, trail.entries)) == {0}
