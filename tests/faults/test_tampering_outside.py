"""A trail changed under a living exchange, or in an export: its auditor finds it from outside, and where it is."""

import json

import pytest

from exchange import cli
from exchange.cli.screen import UNPROVEN
from exchange.note import TrailKey
from tests.faults.tampered import AUDITOR, TABLES, Database, Verdict, changed, ran, rows_of
from tests.faults.warm import Warm
from tests.serving import ORIGIN

LIVE = {
    "entry": ("leaf",),
    "sealed": ("wrapped", "texts"),
    "change": ("jws", "approvals"),
    "proposal": ("jws",),
}  # what an auditor is shown; the rest is for whoever holds the database


@pytest.mark.parametrize(("table", "column"), [(table, column) for table, those in LIVE.items() for column in those])
def test_a_change_under_a_living_exchange_is_found_by_its_auditor_from_outside(
    opened: Database, capsys: pytest.CaptureFixture[str], warm: Warm, table: str, column: str
) -> None:
    (position, *_), *_ = rows_of(opened, table)
    [[value]] = opened.ask(f"select {column} from {table} where position = ?", position)
    warm.start(opened.community.served)
    opened.ask(f"update {table} set {column} = ? where position = ?", changed(TABLES[table].c[column], value), position)

    verdict = ran(capsys, "trail", "verify", "--as", opened.community.copy_of(AUDITOR).folder, "--json")
    warm.stop(opened.community.served)

    assert (verdict.code, position in verdict.positions) == (UNPROVEN, True)


def test_a_leaf_changed_behind_the_last_full_tile_is_a_fork_to_whoever_asks_for_a_proof(
    opened: Database, capsys: pytest.CaptureFixture[str], warm: Warm
) -> None:
    """No tile holds its hash apart from it, so every proof that is made from now on leads to another root."""
    [[size]] = opened.ask("select size from head")
    warm.start(opened.community.served)
    opened.ask("update entry set leaf = cast(replace(leaf, '\"v\":1', '\"v\":2') as blob) where position = ?", size - 2)

    verdict = ran(capsys, "trail", "verify", "--as", opened.community.copy_of(AUDITOR).folder, "--json")
    warm.stop(opened.community.served)

    assert (verdict.code, verdict.document["error"]["reason"]) == (UNPROVEN, "FORKED")


@pytest.fixture(scope="module")
def export(database: Database, warm: Warm) -> list[str]:
    """The lines of an export."""
    file = database.community.folder / "export.jsonl"
    database.restore()
    warm.start(database.community.served)
    assert cli.run(["trail", "export", str(file), "--as", str(database.community.copy_of(AUDITOR).folder)]) == 0
    warm.stop(database.community.served)
    return file.read_text("utf-8").splitlines(keepends=True)


def from_file(
    database: Database, captured: pytest.CaptureFixture[str], lines: list[str], *, pinned: bool = True
) -> Verdict:
    file = database.community.folder / "changed.jsonl"
    file.write_text("".join(lines), "utf-8")
    pin = database.community.served.pin
    genesis = ("--genesis", pin.genesis) if pinned else ()
    return ran(captured, "trail", "verify", "--export", file, "--trail-key", pin.trail_key, *genesis, "--json")


def test_an_export_that_nobody_changed_is_whole(
    database: Database, capsys: pytest.CaptureFixture[str], export: list[str]
) -> None:
    verdict = from_file(database, capsys, export)

    assert (verdict.code, verdict.document["findings"]) == (0, [])
    assert verdict.document["size"] == len(export) - 1


@pytest.mark.parametrize("member", ["leaf", "hash", "position", "salt", "text", "opening"])
def test_a_changed_member_of_an_export_is_found_at_its_position(
    database: Database, capsys: pytest.CaptureFixture[str], export: list[str], member: str
) -> None:
    opened_ones = [n for n, line in enumerate(export[1:]) if json.loads(line)["openings"]]
    for position in (0, opened_ones[len(opened_ones) // 2], opened_ones[-1]):
        entry = json.loads(export[position + 1])
        kind, opening = next(iter(entry["openings"].items()))
        match member:
            case "leaf":
                entry["leaf"] = entry["leaf"].replace('"v":1', '"v":2')
            case "hash":
                entry["hash"] = "00" * 32
            case "position":
                entry["position"] += 1
            case "opening":
                del entry["openings"][kind]
            case _:
                first = "B" if opening[member][0] == "A" else "A"
                opening[member] = first + opening[member][1:]
        forged = [*export[: position + 1], json.dumps(entry) + "\n", *export[position + 2 :]]

        verdict = from_file(database, capsys, forged)

        assert (verdict.code, position in verdict.positions) == (UNPROVEN, True)


def test_lines_taken_out_put_in_changed_over_or_cut_off_are_found_where_it_was_done(
    database: Database, capsys: pytest.CaptureFixture[str], export: list[str]
) -> None:
    at = 40
    head, before, line, rest = export[0], export[1 : at + 1], export[at + 1], export[at + 2 :]
    forgeries = {
        "taken out": [head, *before, *rest],
        "put in": [head, *before, line, line, *rest],
        "changed over": [head, *before, rest[0], line, *rest[1:]],
        "no entry": [head, *before, "{}\n", *rest],
        "no JSON": [head, *before, line[:50] + "\n", *rest],
        "cut off": [head, *before],
    }

    found = {name: from_file(database, capsys, lines).positions for name, lines in forgeries.items()}

    assert {name for name, positions in found.items() if at not in positions} == set()


def test_an_export_under_another_checkpoint_key_or_genesis_is_none_of_this_trail(
    database: Database, capsys: pytest.CaptureFixture[str], export: list[str]
) -> None:
    head = json.loads(export[0])
    note = head["checkpoint"].splitlines()
    shorter = {**head, "checkpoint": "\n".join([note[0], str(int(note[1]) - 1), *note[2:]]) + "\n"}

    assert from_file(database, capsys, [json.dumps(shorter) + "\n", *export[1:]]).code == UNPROVEN
    other = ran(
        capsys, "trail", "verify", "--export", database.community.folder / "changed.jsonl", "--trail-key", _other_key()
    )
    assert other.code == UNPROVEN


def _other_key() -> str:
    return TrailKey.generate(ORIGIN).vkey()
