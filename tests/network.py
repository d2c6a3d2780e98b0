"""A small network and what it writes, for the tests of policy, relation and routing. Nothing here is signed."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from hypothesis import strategies as st

from exchange import envelope, founding, shipped
from exchange.envelope import ItemId, Message, Recipient, ToParticipant
from exchange.label import Classification, Handling, Label, Mode, Releasability, Tier, Visibility
from exchange.participant import Agreement, Directory, Grant, Participant, ParticipantId, Status
from exchange.policy import PolicySet, PolicyTexts, Standing, parse_texts
from exchange.relation import HoldingFacts, ItemFacts, OwningFacts, ParticipantFacts, PostingFacts, ReadingFacts

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
COUNTRIES = ("FRA", "ITA", "DEU", "BRA")


def shipped_texts() -> PolicyTexts:
    return PolicyTexts(
        schema=shipped.texts("policies", ".cedarschema")["exchange.cedarschema"],
        policies=shipped.texts("policies", ".cedar"),
        cases=shipped.texts("policies/cases", ".cases"),
    )


def founded_before() -> PolicyTexts:
    """The set of an exchange that was founded on the first version, which knew fewer facts and acts. Never changed."""
    texts = founding.read_policies(Path(__file__).parent / "founded_before")
    return parse_texts(texts)


def without_policy(texts: PolicyTexts, id: str) -> PolicyTexts:
    """The same texts with one policy taken out."""
    start = f'@id("{id}")'
    policies = dict(texts.policies)
    file = next(name for name, text in policies.items() if start in text)
    before, _, after = policies[file].partition(start)
    policies[file] = before + after.partition(";\n")[2]
    return replace(texts, policies=policies)


GRANTED = Grant(
    scopes=frozenset(("*/submit", "*/read", "*/forward")),
    until=NOW + timedelta(days=365),
    review_by=NOW + timedelta(days=365),
)


AGREED = Agreement(
    reference="Agreement of 2026",
    types=frozenset(envelope.TYPES) - frozenset(envelope.RULINGS),
    crime_areas=frozenset(("DRG", "ENV", "VEH")),
    since=NOW - timedelta(days=1),
    until=NOW + timedelta(days=365),
)


def participant(id: str, tier: Tier = Tier.T1, country: str = "FRA", **members: Any) -> Participant:
    named = {"id": ParticipantId(id), "name": id, "tier": tier, "country": country, "exercise": False}
    return Participant(**{**named, **members})


_SOME_ITEM = ItemId("ncb-fra:01KAJ000000000000000000000")


@dataclass(frozen=True, kw_only=True)
class HeldItem:
    """An item that stands, as the store has it for a reader."""

    sender: ParticipantId
    label: Label
    item: ItemId = _SOME_ITEM
    type: str = "message"
    limits: Releasability | None = None
    recalled: bool = False


def held(label: Label, sender: str) -> HeldItem:
    return HeldItem(sender=ParticipantId(sender), label=label)


def network(*others: Participant) -> tuple[Participant, ...]:
    """Four bureaus (France and Italy cleared for RESTRICTED), an entity, an agency, a partner, operator and auditor."""
    return (
        participant("opr-exchange", Tier.T0, "XXA"),
        participant("ncb-fra", country="FRA", clearance=Classification.RES),
        participant("ncb-ita", country="ITA", clearance=Classification.RES),
        participant("ncb-deu", country="DEU"),
        participant("ncb-bra", country="BRA"),
        participant("ent-fra-customs", Tier.T2, "FRA", grant=GRANTED),
        participant("agy-wildlife", Tier.T3, "XXA", agreement=AGREED),
        participant("prt-museum", Tier.T4, "FRA"),
        participant("ovs-auditor", Tier.T6, "XXA"),
        *others,
    )


def directory(*participants: Participant) -> Directory:
    return Directory(
        origin="exchange.example/test",
        training=False,
        version=7,
        operator=ParticipantId("opr-exchange"),
        policy="",
        participants={who.id: who for who in participants},
        owners={},
        changes=frozenset(),
    )


def standing(policy: PolicySet, *participants: Participant) -> Standing:
    return Standing(directory=directory(*(participants or network())), policy=policy)


def suspended(who: Participant) -> Participant:
    return replace(who, status=Status.SUSPENDED)


def label(classification: str = "OUO", *handling: str, exclude: str = "", only: str = "", **members: Any) -> Label:
    """exclude, only: countries, as `ITA DEU`."""
    mode = Mode.ONLY if only else Mode.ALL_MINUS if exclude else Mode.ALL
    circle = Releasability(mode=mode, include=frozenset(only.split()), exclude=frozenset(exclude.split()))
    written = {
        "classification": Classification[classification],
        "originator": "ncb-fra",
        "created": NOW,
        "handling": frozenset(map(Handling, handling)),
        "releasable_to": circle,
    }
    return Label(**{**written, **members})


def message(marked: Label, *recipients: Recipient | str, entities: list[Mapping[str, Any]] | None = None) -> Message:
    """recipients: a text addresses a participant by name."""
    sender, ulid = ParticipantId(marked.originator), "01KAJ0000000000000000000AA"
    item = ItemId(f"{sender}:{ulid}")
    return Message(
        item=item,
        sender=sender,
        ulid=ulid,
        type="message",
        user="u-1",
        recipients=tuple(ToParticipant(to) if isinstance(to, str) else to for to in recipients),
        thread=item,
        in_reply_to=None,
        subject="a test",
        label=marked,
        sent_at=NOW,
        document={"entities": entities or []},
    )


def participant_facts() -> st.SearchStrategy[ParticipantFacts]:
    return st.builds(ParticipantFacts, st.sampled_from(Tier), st.integers(0, 3), likely(), unlikely())


def item_facts() -> st.SearchStrategy[ItemFacts]:
    handling = st.frozensets(st.sampled_from(sorted(set(Handling) - {Handling.EXERCISE})), max_size=4)
    tiers = st.one_of(st.just(frozenset(Tier)), st.frozensets(st.sampled_from(Tier)))
    hit = st.sampled_from(Visibility)
    return st.builds(ItemFacts, st.integers(0, 3), handling, tiers, hit, st.just(True), unlikely())


def posting_facts() -> st.SearchStrategy[PostingFacts]:
    return st.builds(PostingFacts, *(likely() for _ in PostingFacts._fields))


def reading_facts() -> st.SearchStrategy[ReadingFacts]:
    seldom = (unlikely(), unlikely(), unlikely(), unlikely())
    return st.builds(ReadingFacts, likely(), *seldom, likely(), likely(), likely(), likely())


def owning_facts() -> st.SearchStrategy[OwningFacts]:
    return st.builds(OwningFacts, likely())


def holding_facts() -> st.SearchStrategy[HoldingFacts]:
    return st.builds(HoldingFacts, likely(), unlikely(), unlikely(), unlikely(), likely(), likely(), likely(), likely())


def labels() -> st.SearchStrategy[Label]:
    countries = st.frozensets(st.sampled_from(COUNTRIES), min_size=1, max_size=3)
    tiers = st.one_of(st.just(frozenset(Tier)), st.frozensets(st.sampled_from(Tier), min_size=1))
    circles = st.one_of(
        st.builds(Releasability, mode=st.just(Mode.ALL), tiers=tiers),
        st.builds(Releasability, mode=st.just(Mode.ALL_MINUS), exclude=countries, tiers=tiers),
        st.builds(Releasability, mode=st.just(Mode.ONLY), include=countries, tiers=tiers),
    )
    return st.builds(
        Label,
        classification=st.sampled_from(Classification),
        originator=st.just("ncb-fra"),
        created=st.just(NOW),
        handling=st.frozensets(st.sampled_from(Handling), max_size=3),
        releasable_to=circles,
        hit_visibility=st.sampled_from(Visibility),
    )


def participants() -> st.SearchStrategy[Participant]:
    return st.builds(
        participant,
        st.sampled_from(("ncb-one", "ncb-two", "agy-three")),
        st.sampled_from(Tier),
        st.sampled_from(COUNTRIES),
        clearance=st.sampled_from(Classification),
        exercise=unlikely(),
        status=st.sampled_from((Status.ACTIVE, Status.ACTIVE, Status.SUSPENDED)),
        grant=st.sampled_from((GRANTED, GRANTED, replace(GRANTED, review_by=NOW - timedelta(days=1)), None)),
        agreement=st.sampled_from((AGREED, AGREED, AGREED, replace(AGREED, until=NOW - timedelta(hours=1)), None)),
    )


def likely() -> st.SearchStrategy[bool]:
    """Mostly true: otherwise some rule would hide nearly everything, and the others would never be seen."""
    return st.sampled_from((True, True, True, False))


def unlikely() -> st.SearchStrategy[bool]:
    return likely().map(lambda value: not value)
