"""Somebody is shown what was never released to it. All rows agree with all leaves; the auditor finds it all the same.

From a database, from a living exchange and from an export.
"""

import asyncio
import json
from collections.abc import Callable
from typing import Any

import pytest

from exchange import cli
from exchange.cli.screen import UNPROVEN
from exchange.client import Client, Refused
from tests.faults.tampered import AUDITOR, Database, Verdict, ran, verified
from tests.faults.warm import RELEASES_TO_ALL, SAFE, Warm

STRANGER = "ncb-deu"
NOT_RELEASED = f"it shows {STRANGER} an item that was not released to it"
NOT_DECIDED = "what was decided here is not what the policy in force decides"

Verify = Callable[[], Verdict]


@pytest.fixture(params=["database", "live", "export"])
def verify(request: pytest.FixtureRequest, opened: Database, capsys: pytest.CaptureFixture[str], warm: Warm) -> Verify:
    """Whoever verifies goes there after the fact: by then an honest gateway serves, or none."""
    served, pin = opened.community.served, opened.community.served.pin

    def of_an_auditor(*words: object) -> Verdict:
        warm.start(served)
        try:
            return ran(capsys, "trail", *words, "--as", opened.community.copy_of(AUDITOR).folder, "--json")
        finally:
            warm.stop(served)

    def exported() -> Verdict:
        file = opened.community.folder / "disclosed.jsonl"
        file.unlink(missing_ok=True)
        assert of_an_auditor("export", file).code == 0
        known = ("--trail-key", pin.trail_key, "--genesis", pin.genesis)
        return ran(capsys, "trail", "verify", "--export", file, *known, "--json")

    sources: dict[str, Verify] = {
        "database": lambda: verified(opened, capsys),
        "live": lambda: of_an_auditor("verify"),
        "export": exported,
    }
    return sources[request.param]


async def sent(database: Database, *to: str, **label: Any) -> str:
    async with Client.open(
        database.community.copy_of("ncb-fra").folder
    ) as fra:  # it has seen no other end of the trail
        item: str = (await fra.send(await fra.compose("message", "One", {"text": "!"}, to, label=label or None))).item
        return item


async def read(database: Database, item: str, reader: str) -> None:
    async with Client.open(database.community.copy_of(reader).folder) as client:
        assert (await client.message(item)).item == item


def position_of(database: Database, item: str) -> int:
    [[position]] = database.ask("select position from item where ulid = ?", item.partition(":")[2])
    return int(position)


def last_page(database: Database, reader: str) -> int:
    [[position]] = database.ask("select max(position) from reading where reader = ?", reader)
    return int(position)


def saying(verdict: Verdict, position: int) -> list[str]:
    return [one["says"] for one in verdict.document["findings"] if one["position"] == position]


def test_what_is_read_by_whom_it_was_released_to_is_in_order(opened: Database, warm: Warm, verify: Verify) -> None:
    """The control: the same item, read by the one whom it was sent to; and everything was decided again."""
    warm.start(opened.community.served)
    item = asyncio.run(sent(opened, "ncb-ita"))
    asyncio.run(read(opened, item, "ncb-ita"))
    with pytest.raises(Refused):
        asyncio.run(read(opened, item, STRANGER))
    warm.stop(opened.community.served)

    verdict = verify()

    assert (verdict.code, verdict.document["findings"]) == (0, [])
    assert verdict.document["decided_again"] is True
    assert verdict.document["checked"]["decisions"] == verdict.document["events"]["message.accepted"] > 4


def test_a_delivery_that_stood_only_while_it_was_read_is_found_where_it_was_read(
    opened: Database, warm: Warm, verify: Verify
) -> None:
    """Whoever writes rows puts one delivery in, lets the stranger read, and takes it out again."""
    warm.start(opened.community.served)
    item = asyncio.run(sent(opened, "ncb-ita"))
    position = position_of(opened, item)
    opened.ask("insert into delivery select ?, item, item, at from delivery where item = ?", STRANGER, position)
    asyncio.run(read(opened, item, STRANGER))
    opened.ask("delete from delivery where reader = ? and item = ?", STRANGER, position)
    warm.stop(opened.community.served)

    verdict = verify()

    assert (verdict.code, saying(verdict, last_page(opened, STRANGER))) == (UNPROVEN, [NOT_RELEASED])
    assert len(verdict.document["findings"]) == 1


@pytest.mark.parametrize("variant", [SAFE, RELEASES_TO_ALL])
def test_a_gateway_that_does_not_ask_the_policy_that_it_names_is_found_where_it_decided(
    opened: Database, warm: Warm, verify: Verify, variant: str
) -> None:
    """A restricted message to one who is not cleared. Leaves, rows and the sender's list are all as it decided."""
    warm.start(opened.community.served, variant)
    item = asyncio.run(sent(opened, "ncb-ita", STRANGER, classification="RES", purpose=["P3"]))
    if variant == RELEASES_TO_ALL:
        asyncio.run(read(opened, item, STRANGER))
    warm.stop(opened.community.served)

    verdict = verify()

    wrong = [NOT_DECIDED] if variant == RELEASES_TO_ALL else []
    assert (verdict.code, saying(verdict, position_of(opened, item))) == (UNPROVEN if wrong else 0, wrong)
    assert len(verdict.document["findings"]) == len(wrong)


# ---- the texts of the first policy set


def test_an_export_without_its_first_policy_set_is_not_said_to_be_decided_again(
    opened: Database, warm: Warm, capsys: pytest.CaptureFixture[str]
) -> None:
    pin, file = opened.community.served.pin, opened.community.folder / "policies.jsonl"
    warm.start(opened.community.served)
    assert cli.run(["trail", "export", str(file), "--as", str(opened.community.copy_of(AUDITOR).folder)]) == 0
    warm.stop(opened.community.served)
    first, *entries = file.read_text("utf-8").splitlines(keepends=True)
    head = json.loads(first)
    others: dict[str, dict[str, Any]] = {
        "gone": {},
        "another": {"policy": {**head["policy"], "cases": {}}},
        "no texts": {"policy": "R09"},
    }

    found = {}
    for name, other in others.items():
        changed = {"origin": head["origin"], "checkpoint": head["checkpoint"], **other}
        file.write_text("".join([json.dumps(changed) + "\n", *entries]), "utf-8")
        verdict = ran(capsys, "trail", "verify", "--export", file, "--trail-key", pin.trail_key, "--json")
        found[name] = (verdict.code, verdict.positions)

    assert found == dict.fromkeys(others, (UNPROVEN, {0}))
