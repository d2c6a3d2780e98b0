"""The trail from outside: proofs for everybody, all of it for auditors, and files that say where they were changed."""

import io
import json
from collections.abc import Callable
from typing import Any

import pytest

from exchange.audit import Auditor, Report
from exchange.client import Client, Refused, Unproven
from exchange.client.entries import head_of, line_of, read_export
from tests.community import Community
from tests.trails import SCHEMAS, HandMadeTrail, small_trail


async def test_an_auditor_verifies_all_of_a_living_trail(community: Community) -> None:
    async with Client.open(community.profile("ncb-fra")) as fra:
        await fra.send(await fra.compose("message", "To be audited", {"text": "!"}, ["ncb-ita"]))

    async with Client.open(community.profile("ovs-auditor")) as auditor:
        kept, _ = await auditor.trail.checkpoint()
        report = await auditor.trail.audit(auditor.schemas, genesis=community.served.pin.genesis, earlier=[kept])

    assert report.findings == ()
    assert report.entries == report.size >= kept.size
    assert report.events["message.accepted"] >= 1
    assert set(report.checked) == {"openings", "changes", "keys"}


async def test_only_auditors_read_entries(community: Community) -> None:
    async with Client.open(community.profile("ncb-fra")) as fra:
        with pytest.raises(Refused) as refused:
            await fra.trail.audit(fra.schemas, genesis=community.served.pin.genesis)

    assert refused.value.reason == "NOT_ALLOWED"


async def test_everybody_proves_a_leaf_and_a_prefix(community: Community) -> None:
    async with Client.open(community.profile("ncb-fra")) as fra:
        before, _ = await fra.trail.checkpoint()
        sent = await fra.send(await fra.compose("message", "Proven", {"text": "!"}, ["ncb-ita"]))
        raw = sent.receipt["leaf"].encode()

        now = await fra.trail.prove_inclusion(raw, sent.position)
        assert await fra.trail.prove_consistency(before) == await fra.trail.prove_consistency(now)
        with pytest.raises(Unproven):
            await fra.trail.prove_inclusion(raw.replace(b"ncb-fra", b"ncb-ita"), sent.position)
        with pytest.raises(Unproven):
            await fra.trail.prove_inclusion(raw, sent.position - 1)


# Exports

TRAIL = small_trail()


def exported(trail: HandMadeTrail) -> list[str]:
    note = trail.trail_key.sign(trail.checkpoint())
    return [head_of(trail.checkpoint().origin, note), *map(line_of, trail.entries)]


def verified(lines: list[str]) -> Report:
    export = read_export(io.StringIO("".join(lines)))
    auditor = Auditor(
        TRAIL.trail_key.verifier.open(export.note),
        trail_key=TRAIL.trail_key.vkey(),
        schemas=SCHEMAS,
        genesis=TRAIL.genesis,
    )
    for entry in export.entries:
        auditor.examine(entry)
    return auditor.conclude()


def test_an_export_holds_the_whole_trail() -> None:
    report = verified(exported(TRAIL))

    assert report.whole
    assert report.entries == 8


def _of(name: str) -> Callable[[dict[str, Any]], dict[str, Any]]:
    bends: dict[str, Callable[[dict[str, Any]], dict[str, Any]]] = {
        "leaf": lambda one: one | {"leaf": one["leaf"].replace('"v":1', '"v":2')},
        "hash": lambda one: one | {"hash": "00" * 32},
        "hash of no form": lambda one: one | {"hash": "zz"},
        "openings": lambda one: one | {"openings": {}},
        "opening": lambda one: one | {"openings": {n: o | {"text": "other"} for n, o in one["openings"].items()}},
        "unknown opening": lambda one: one | {"openings": {"secret": {"salt": "", "text": ""}}},
        "position": lambda one: one | {"position": 77},
        "nothing": lambda one: {},
    }
    return bends[name]


@pytest.mark.parametrize(
    "member",
    ["leaf", "hash", "hash of no form", "openings", "opening", "unknown opening", "position", "nothing"],
)
@pytest.mark.parametrize("position", [0, 1, 3, 5])
def test_whatever_is_changed_in_an_export_is_found_at_its_position(member: str, position: int) -> None:
    lines = exported(TRAIL)
    lines[position + 1] = json.dumps(_of(member)(json.loads(lines[position + 1]))) + "\n"

    report = verified(lines)

    assert min(one.position for one in report.findings if one.position is not None) == position


@pytest.mark.parametrize("line", ["", "no json\n", "[[[[\n", "null\n"])
def test_a_line_that_is_no_entry_is_found_at_its_position(line: str) -> None:
    lines = exported(TRAIL)
    lines[5] = line

    report = verified(lines)

    assert min(one.position for one in report.findings if one.position is not None) == 4


@pytest.mark.parametrize("text", ["", "{}\n", "[]\n", "no json\n"])
def test_a_file_that_is_no_export_is_told_so(text: str) -> None:
    with pytest.raises(Unproven):
        read_export(io.StringIO(text))
