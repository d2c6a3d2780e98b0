"""From texts to sound policies: parsed, held against the schema and against the facts that the exchange computes.

A set that comes into force declares in its schema exactly the facts and acts of this exchange, so that its authors
leave none of them out unknowingly. A set that came into force earlier was written before some of them were known. It
stands in the trail, cannot be mended, and must decide today as it decided then: it is loaded by what it reads.
"""

import json
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

import cedarpy
from cedarpy import pst

from exchange import relation
from exchange.label import Classification, Handling, Tier, Visibility
from exchange.policy.form import Read, Unmodelled, acts_of, reads_of
from exchange.policy.ladder import LADDER_OF
from exchange.policy.question import attributes, cedar_name, entity
from exchange.policy.rule import Rule, annotated, id_of, wrong_annotations
from exchange.policy.texts import PolicyTexts
from exchange.refusal import Fault, Reason, Refusal


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """A policy with which nothing is wrong. parsed: under its rule's own id."""

    rule: Rule
    parsed: pst.Template
    reads: frozenset[Read]


class _Unsound(Exception):
    """What is wrong, in full and in Cedar's words: for whoever wrote the texts, and for no answer over the wire."""


def sound_policies(texts: PolicyTexts, *, strict: bool = True) -> tuple[Policy, ...]:
    """In the order of the files' names and of the text. strict: held against its schema, and the schema against this
    exchange; else what the policies read must be computed here, and no more. Of an act that it never heard of, a set
    says nothing, and so permits nothing.

    Raises Refusal(POLICY_WRONG) with every fault found; its cause says the same in Cedar's words.
    """
    found: list[Policy] = []
    complaints = list(_wrong_schema(texts.schema)) if strict else []
    if not complaints:
        for file in sorted(texts.policies):
            policies, wrong = _read_file(file, texts.policies[file], texts.schema if strict else None)
            found += policies
            complaints += wrong
        complaints += _wrong_together(found)
    if complaints:
        raise Refusal(Reason.POLICY_WRONG, faults=tuple(fault for fault, _ in complaints)) from _Unsound(
            "\n".join(f"{fault.path}: {detail or fault.says}" for fault, detail in complaints)
        )
    return tuple(found)


_Complaint = tuple[Fault, str]  # and what Cedar has to say about it


def _read_file(file: str, text: str, schema: str | None) -> tuple[list[Policy], list[_Complaint]]:
    path = f"/policies/{file}"
    try:
        parsed = cedarpy.policies_to_pst(text)
    except ValueError as error:
        return [], [(Fault(path, "is Cedar"), str(error))]
    if parsed.templates or parsed.template_links:
        return [], [(Fault(path, "has no templates"), "")]
    complaints = [] if schema is None else _misfits(path, text, schema)
    policies = []
    for policy in parsed.static_policies.values():
        wrong = list(_wrong_policy(policy, path))
        complaints += wrong
        if not wrong:
            policies.append(_policy(policy, file))
    return policies, complaints


def _misfits(path: str, text: str, schema: str) -> list[_Complaint]:
    """What Cedar's own validation finds."""
    checked = cedarpy.validate_policies(text, schema)
    ids = checked.id_annotations_by_policy_id
    return [
        (Fault(f"{path}/{id_of({'id': ids.get(error.policy_id, '')})}", "fits the schema"), error.error)
        for error in checked.errors
    ]


def _policy(policy: pst.Template, file: str) -> Policy:
    rule = annotated(policy.annotations, effect=policy.effect, acts=acts_of(policy), file=file)
    return Policy(rule=rule, parsed=replace(policy, id=rule.id), reads=reads_of(policy))


def _wrong_policy(policy: pst.Template, path: str) -> Iterator[_Complaint]:
    place = f"{path}/{id_of(policy.annotations) or policy.id}"
    for wrong in wrong_annotations(policy.annotations):
        yield Fault(place, wrong), ""
    try:
        acts, reads = acts_of(policy), reads_of(policy)
    except Unmodelled as form:
        yield Fault(place, f"uses nothing that is not modelled here: {form}"), ""
        return
    if not acts:
        yield Fault(place, "speaks of an act"), ""
    if any(attribute not in _computed(act, side) for act in acts for side, attribute in reads):
        yield Fault(place, "reads only facts that the exchange computes"), ""


def _wrong_together(policies: list[Policy]) -> Iterator[_Complaint]:
    if not policies:
        yield Fault("/policies", "has a policy"), ""
    for id, times in Counter(policy.rule.id for policy in policies).items():
        if times > 1:
            yield Fault(f"/policies/{id}", "is the @id of one policy alone"), ""


def _computed(act: str, side: str) -> frozenset[str]:
    """The facts of one side that the exchange computes for an act, by Cedar's names."""
    ladder = LADDER_OF[act]
    sides: Mapping[str, type] = {
        "principal": relation.ParticipantFacts,
        "resource": ladder.resource,
        "context": ladder.context,
    }
    return frozenset(map(cedar_name, sides[side]._fields))  # type: ignore[attr-defined]  # they are named tuples


def _wrong_schema(text: str) -> Iterator[_Complaint]:
    """Whether the schema takes exactly the facts that the exchange computes, with every term of their vocabularies."""
    try:
        schema = cedarpy.Schema.from_str(text)
        samples = json.dumps(_samples())
        cedarpy.Entities.from_json_str(samples, schema)
    except ValueError as error:
        yield Fault("/schema", "declares exactly the facts that the exchange computes"), str(error)
        return
    for act, ladder in LADDER_OF.items():
        request = {
            "principal": {"type": "Participant", "id": Tier.T1.value},
            "action": {"type": "Action", "id": act},
            "resource": {"type": ladder.about, "id": "WHITE"},
            "context": attributes(ladder.context(*(True for _ in ladder.context._fields))),
        }
        result = cedarpy.is_authorized(request, "", samples, schema)
        if result.decision is cedarpy.Decision.NoDecision:
            yield (
                Fault("/schema", "declares every act that a door asks, with its context"),
                str(result.diagnostics.errors),
            )


def _samples() -> list[dict[str, object]]:
    """Participants and items that between them have every term of every vocabulary."""
    handling = frozenset(Handling) - {Handling.EXERCISE}
    participants = [
        entity(
            "Participant", tier.value, attributes(relation.ParticipantFacts(tier, int(Classification.OUO), True, True))
        )
        for tier in Tier
    ]
    items = [
        entity("Item", hit.value, attributes(relation.ItemFacts(1, handling, frozenset(Tier), hit, True, True)))
        for hit in Visibility
    ]
    return [*participants, *items, entity("Trail", "WHITE", {})]
