"""The command line at work on a real exchange: answers as tables and as one JSON document, codes for scripts."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import Command, Ran
from tests.community import Community

OUO, OF_THE_CASE = "--classification=OUO", "--case=FRA-1"


def sent(exchange: Command, community: Community, *words: object, sender: str = "ncb-fra") -> Any:
    done = exchange(
        "send", "--as", community.profile(sender), "--subject", "A test", "--text", "hello", "--json", *words
    )
    assert done.code == 0, done.err
    return done.document


# Joining


def test_an_exchange_is_founded_and_a_newcomer_admitted_by_two_officers(
    exchange: Command, community: Community, tmp_path: Path
) -> None:
    one, two = community.officers
    folder, pin = tmp_path / "agy-drugs", community.served.folder / "pin.json"
    identity = ("--name", "Agency for Drugs", "--country", "XXB", "--tier", "T3")

    made = exchange("keygen", "agy-drugs", "--dir", folder, "--pin", pin, *identity, "--json")
    admitted = exchange("participant", "admit", made.document["enrolment"], "--as", one, "--json")
    change = admitted.document["change"]
    pending = exchange("participant", "pending", "--as", two, "--json")
    enrolment = ("--enrolment", made.document["enrolment"])
    approved = exchange("participant", "approve", change, *enrolment, "--as", two, "--json")
    everything = ("--clearance", "OUO", "--purpose", "none", "--area", "DRG")
    granted = exchange("participant", "rights", "agy-drugs", *everything, "--as", one, "--json")
    allowed = exchange("participant", "approve", granted.document["change"], "--as", two, "--json")
    shown = exchange("participant", "show", "agy-drugs", "--as", one, "--json")

    assert admitted.document["state"] == "pending"
    waiting = {one["change"]: one["thumbprints"] for one in pending.document}
    assert waiting[change] == [made.document["thumbprint"]]
    assert approved.document["state"] == allowed.document["state"] == "applied"
    assert (shown.document["tier"], shown.document["crime_areas"]) == ("T3", ["DRG"])
    assert {key["use"] for key in shown.document["keys"]} == {"officer", "access", "message"}
    assert exchange("doctor", "--as", folder).code == 0


@pytest.mark.parametrize("forgotten", ["--clearance", "--purpose", "--area"])
def test_no_right_is_taken_away_by_leaving_it_out(exchange: Command, community: Community, forgotten: str) -> None:
    said = {"--clearance": "RES", "--purpose": "P3", "--area": "DRG"}
    words = [word for name, value in said.items() if name != forgotten for word in (name, value)]

    told = exchange("participant", "rights", "ncb-fra", *words, "--as", community.officers[0])

    assert told.code == 2
    assert forgotten in told.err


def test_with_both_officers_at_hand_one_command_admits(exchange: Command, community: Community, tmp_path: Path) -> None:
    one, two = community.officers
    folder, pin = tmp_path / "prt-museum", community.served.folder / "pin.json"
    exchange(
        "keygen", "prt-museum", "--dir", folder, "--pin", pin, "--name", "Museum", "--country", "FRA", "--tier", "T4"
    )

    done = exchange("participant", "admit", folder / "enrolment.json", "--as", one, "--second", two)

    assert done.code == 0
    assert "prt-museum" in exchange("participant", "list", "--as", one).out


def test_a_participant_is_suspended_by_one_officer_and_reinstated_by_two(
    exchange: Command, community: Community
) -> None:
    one, two = community.officers

    suspended = exchange("participant", "suspend", "ncb-deu", "--reason", "a test", "--as", one, "--json")
    status = exchange("participant", "show", "ncb-deu", "--as", one, "--json").document["status"]
    proposed = exchange("participant", "reinstate", "ncb-deu", "--as", one, "--json")
    approved = exchange("participant", "approve", proposed.document["change"], "--as", two, "--json")

    assert (suspended.document["state"], status) == ("applied", "suspended")
    assert (proposed.document["state"], approved.document["state"]) == ("pending", "applied")


def test_keys_are_rotated_and_revoked(exchange: Command, community: Community) -> None:
    mine = ("--as", community.profile("ncb-ita"))
    before = {key["kid"] for key in exchange("key", "list", *mine, "--json").document if key["use"] == "message"}

    added = exchange("key", "add", "message", *mine, "--json")
    again = sent(exchange, community, "--to", "ncb-fra", sender="ncb-ita")
    revoked = exchange("key", "revoke", *before, *mine, "--reason", "superseded", "--json")

    keys = {key["kid"]: key for key in exchange("key", "list", *mine, "--json").document if key["use"] == "message"}
    assert added.document["state"] == revoked.document["state"] == "applied"
    assert again["new"]
    assert [keys[kid]["revoked_at"] is not None for kid in before] == [True]
    assert len(keys) == 2
    assert sent(exchange, community, "--to", "ncb-fra", sender="ncb-ita")["new"]


# Sending and reading


def test_send_sets_ouo_and_says_so(exchange: Command, community: Community) -> None:
    done = exchange("send", "--as", community.profile("ncb-fra"), "--to", "ncb-ita", "--subject", "S", "--text", "t")

    assert done.code == 0
    assert "no classification was stated: the label says OUO" in done.err
    assert re.search(r"ncb-fra:\w{26} stands at position \d+; its receipt is verified", done.out)
    assert re.search(r"ncb-ita +released", done.out)


def test_a_message_goes_its_whole_way(exchange: Command, community: Community) -> None:
    fra, ita = ("--as", community.profile("ncb-fra")), ("--as", community.profile("ncb-ita"))
    label = ("--classification", "RES", "--purpose", "P3", "--area", "DRG.SYN", "--urgency", "U1")
    circle = ("--releasable", "ALL_MINUS:BRA", "--tiers", "T1,T3", "--handling", "H2")

    item = sent(exchange, community, "--to", "ncb-ita", "--to", "ncb-deu", OF_THE_CASE, *label, *circle)["item"]
    listed = exchange("inbox", *ita, "--limit", "100", "--json").document["items"]
    shown = exchange("show", item, *ita, "--json").document
    words = ("--subject", "Re", "--text", "yes", "--reply-to", item, "--json")
    answer = exchange("send", *ita, "--to", "ncb-fra", OUO, *words).document["item"]
    thread = exchange("thread", item, *fra, "--json").document["items"]
    owed = exchange("owed", *ita, "--json").document["items"]
    acknowledged = exchange("ack", item, *ita, "--json").document
    owed_then = exchange("owed", *ita, "--json").document["items"]
    deliveries = exchange("deliveries", item, *fra, "--json").document["deliveries"]
    mine = exchange("sent", *fra, "--limit", "100", "--json").document["items"]

    assert item in [one["item"] for one in listed]
    assert shown["verified"]
    assert shown["document"]["label"]["releasable_to"] == {
        "mode": "ALL_MINUS",
        "exclude": ["BRA"],
        "tiers": ["T1", "T3"],
    }
    assert shown["document"]["label"]["handling"] == ["H2", "EXERCISE"]
    assert [one["item"] for one in thread] == [item, answer]
    assert acknowledged["acknowledged"][0]["item"] == item
    (due,) = [one for one in owed if one["item"] == item]
    assert (due["urgency"], due["overdue"], due["duties"]) == ("U1", False, ["H2", "RES"])
    assert (due["released_at"], due["due_at"]) == (shown["released_at"], shown["due_at"])
    assert [one["item"] for one in owed_then] == [one["item"] for one in owed if one["item"] != item]
    assert {one["participant"]: one["state"] for one in deliveries} == {
        "ncb-ita": "acknowledged",
        "ncb-deu": "withheld",
    }
    assert item in [one["item"] for one in mine]


def test_a_preview_sends_nothing(exchange: Command, community: Community) -> None:
    ita = ("--as", community.profile("ncb-ita"), "--limit", "100", "--json")
    before = len(exchange("inbox", *ita).document["items"])

    words = ("--to", "country:ITA", "--subject", "S", "--text", "t", "--json")
    seen = exchange("preview", "--as", community.profile("ncb-fra"), *words)

    assert seen.document["recipients"] == [{"participant": "ncb-ita", "outcome": "released"}]
    assert len(exchange("inbox", *ita).document["items"]) == before


def test_a_sample_is_sent_anew(exchange: Command, community: Community, tmp_path: Path) -> None:
    sample = {
        "id": "01KAJ4Y0000000000000000000",
        "type": "information-request",
        "aud": "exchange.example/other",
        "sender": "ncb-bra",
        "subject": "Whose car is it?",
        "recipients": [{"participant": "ncb-deu"}],
        "sent_at": "2020-01-01T00:00:00Z",
        "label": {"classification": "OUO", "originator": "ncb-bra", "created": "2020-01-01T00:00:00Z"},
        "body": {
            "question": "Whose car is it?",
            "legal_basis": "Code, section 1",
            "purpose": "P3",
            "urgency": "U2",
            "urgency_reason": "it is leaving",
            "subject_ids": ["UTO-AB-123"],
            "answer_by": "2030-01-01T00:00:00Z",
            "wanted_fields": ["owner"],
        },
    }
    file = tmp_path / "request.json"
    file.write_text(json.dumps(sample))
    attached = tmp_path / "plate.txt"
    attached.write_text("UTO-AB-123")
    words = (file, "--anew", "--to", "ncb-ita", "--attach", attached, "--json")

    done = exchange("send", "--as", community.profile("ncb-fra"), *words)

    assert done.code == 0, done.err
    assert done.document["routing"] == [{"participant": "ncb-ita", "outcome": "released"}]
    shown = exchange("show", done.document["item"], "--as", community.profile("ncb-ita"), "--json").document["document"]
    assert shown["sender"] == shown["label"]["originator"] == "ncb-fra"
    assert [one["name"] for one in shown["attachments"]] == ["plate.txt"]


def test_new_is_what_came_since_the_last_time(exchange: Command, community: Community) -> None:
    deu = ("--as", community.profile("ncb-deu"), "--new", "--limit", "100", "--json")
    exchange("inbox", *deu)

    item = sent(exchange, community, "--to", "ncb-deu")["item"]

    assert [one["item"] for one in exchange("inbox", *deu).document["items"]] == [item]
    assert exchange("inbox", *deu).document["items"] == []


def test_what_a_sender_writes_is_no_command_to_the_terminal(exchange: Command, community: Community) -> None:
    evil = "\x1b[2J\x1b]0;owned\x07 [bold]x[/bold] \u202egpj.exe"
    item = sent(exchange, community, "--to", "ncb-ita", "--text", evil)["item"]

    shown = exchange("show", item, "--as", community.profile("ncb-ita"))
    as_json = exchange("show", item, "--as", community.profile("ncb-ita"), "--json")

    assert "\x1b" not in shown.out + as_json.out
    assert "\u202e" not in shown.out + as_json.out
    assert "[bold]x[/bold]" in shown.out
    assert as_json.document["document"]["body"]["text"] == evil


# The trail


def test_the_trail_is_verified_from_the_exchange_an_export_and_the_database(
    exchange: Command, community: Community, tmp_path: Path
) -> None:
    auditor, key = ("--as", community.profile("ovs-auditor")), ("--trail-key", community.served.pin.trail_key)
    file = tmp_path / "trail.jsonl"
    sent(exchange, community, "--to", "ncb-ita")

    live = exchange("trail", "verify", *auditor, "--json")
    exported = exchange("trail", "export", file, *auditor, "--json")
    from_file = exchange("trail", "verify", "--export", file, *key, "--json")
    from_database = exchange("trail", "verify", "--database", community.served.folder, *key, "--json")

    for ran in (live, from_file, from_database):
        assert (ran.code, ran.document["findings"]) == (0, [])
        assert ran.document["whole"]
    assert exported.document["size"] == from_file.document["size"]
    assert from_database.document["checked"]["signatures"] >= 1


def test_a_changed_export_is_named_at_its_position_and_exits_with_4(
    exchange: Command, community: Community, tmp_path: Path
) -> None:
    auditor, file = ("--as", community.profile("ovs-auditor")), tmp_path / "trail.jsonl"
    exchange("trail", "export", file, *auditor)
    lines = file.read_text().splitlines(keepends=True)
    lines[3] = lines[3].replace("opr-exchange", "opr-stranger")
    file.write_text("".join(lines))

    ran = exchange("trail", "verify", "--export", file, *auditor, "--json")
    told = exchange("trail", "verify", "--export", file, *auditor)

    assert ran.code == told.code == 4
    assert ran.document["findings"][0]["position"] == 2
    assert "NOT whole" in told.out


def test_a_trail_is_verified_against_a_key_from_elsewhere_only(exchange: Command, community: Community) -> None:
    without = exchange("trail", "verify", "--database", community.served.folder)
    other = "exchange.example/other+829e7b54+ARx7"

    assert without.code == 2
    assert "--trail-key" in without.err
    assert exchange("trail", "verify", "--database", community.served.folder, "--trail-key", other).code == 2


def test_the_head_is_shown_to_everybody_and_entries_to_auditors(exchange: Command, community: Community) -> None:
    head = exchange("trail", "show", "--as", community.profile("ncb-fra"), "--json")
    denied = exchange("trail", "show", "--after", "0", "--as", community.profile("ncb-fra"), "--json")
    seen = exchange("trail", "show", "--after", "0", "--limit", "3", "--as", community.profile("ovs-auditor"), "--json")

    assert head.document["checkpoint"].startswith("exchange.example/training\n")
    assert (denied.code, denied.document["error"]["reason"]) == (1, "NOT_ALLOWED")
    assert [one["position"] for one in seen.document["entries"]] == [1, 2, 3]


# Errors


def test_a_refusal_says_what_and_what_to_do_and_exits_with_1(exchange: Command, community: Community) -> None:
    words = ("--as", community.profile("ncb-deu"), "--to", "ncb-ita", "--subject", "S", "--text", "t", OF_THE_CASE)
    high = ("--classification", "RES", "--purpose", "P3")

    told = exchange("send", *words, *high)
    as_json = exchange("send", *words, *high, "--json")

    assert told.code == as_json.code == 1
    assert told.out == ""
    assert "NOT_CLEARED: your clearance is below the classification of this label (by R07.post)" in told.err
    assert re.search(r"have a cleared bureau send it\. Ticket \S+", told.err)
    error = as_json.document["error"]
    assert (error["reason"], error["rules"], error["exit"]) == ("NOT_CLEARED", ["R07.post"], 1)
    assert error["ticket"]


def test_an_exchange_that_does_not_answer_exits_with_3(
    exchange: Command, community: Community, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    copy = community.copy_of("ncb-fra").folder
    profile = copy / "profile.toml"
    profile.write_text(profile.read_text().replace(community.served.url, "http://127.0.0.1:9"))
    monkeypatch.setattr("exchange.client.wire.Patience.before", lambda *_: 0.0)

    told = exchange("inbox", "--as", copy)

    assert told.code == 3
    assert told.err.startswith("UNREACHABLE: http://127.0.0.1:9 does not answer")


def test_what_does_not_prove_itself_exits_with_4(exchange: Command, community: Community) -> None:
    copy = community.copy_of("ncb-fra").folder
    profile = copy / "profile.toml"
    profile.write_text(profile.read_text().replace(community.served.pin.genesis, "00" * 32))

    told = exchange("participant", "list", "--as", copy)

    assert told.code == 4
    assert "another genesis" in told.err


@pytest.mark.parametrize(
    "words",
    [
        (),
        ("no-such-command",),
        ("inbox",),
        ("inbox", "--as", "nowhere"),
        ("send", "--as", "nowhere"),
        ("keygen", "ncb-fra", "--dir", "x", "--pin", "nowhere", "--name", "n", "--country", "FRA"),
        ("doctor",),
        ("serve", "nowhere"),
        ("policy", "check", "--policies", "nowhere"),
    ],
    ids=" ".join,
)
def test_wrong_usage_exits_with_2_and_shows_no_trace(
    exchange: Command, words: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)

    told = exchange(*words)

    assert told.code == 2
    assert "Traceback" not in told.err + told.out


@pytest.mark.parametrize(
    "words",
    [
        ("--to", "circle:x"),
        ("--to", "ncb-ita", "--releasable", "ONLY"),
        ("--to", "ncb-ita", "--releasable", "SOME:FRA"),
        ("--subject", "S"),
    ],
    ids=" ".join,
)
def test_a_message_that_cannot_be_made_is_wrong_usage(
    exchange: Command, community: Community, words: tuple[str, ...]
) -> None:
    told = exchange("send", "--as", community.profile("ncb-fra"), "--subject", "S", "--text", "t", *words)

    assert told.code == 2


def test_a_file_that_cannot_be_written_is_told_in_words(
    exchange: Command, community: Community, tmp_path: Path
) -> None:
    """By name, also where a folder of the path is a file."""
    (tmp_path / "file").write_text("")
    auditor, pin = ("--as", community.profile("ovs-auditor")), community.served.folder / "pin.json"
    identity = ("--name", "N", "--country", "FRA")

    for words in (
        ("trail", "export", tmp_path / "nowhere" / "trail.jsonl", *auditor),
        ("keygen", "ncb-xyz", "--dir", tmp_path / "file" / "profile", "--pin", pin, *identity),
        ("init", tmp_path / "file" / "x", "--origin", "exchange.example/x", "--training"),
    ):
        told = exchange(*words)

        assert (told.code, told.out) == (2, ""), words
        assert told.err.startswith("FILE_WRONG: ")
        assert str(tmp_path) in told.err
        assert "Traceback" not in told.err


def test_help_names_the_exit_codes(exchange: Command) -> None:
    told = exchange("--help")

    assert told.code == 0
    for words in ("0 done", "1 refused", "2 wrong usage", "3 the exchange does not", "4 something does not prove"):
        assert words in re.sub(r"\s+", " ", told.out)


# Policy and health


def test_the_shipped_policies_hold_together_and_pass_their_cases(exchange: Command) -> None:
    checked, tested = exchange("policy", "check", "--json"), exchange("policy", "test", "--json")

    assert checked.code == tested.code == 0
    assert checked.document["digest"] == tested.document["digest"]
    assert tested.document["cases"] > 50
    assert tested.document["failed"] == []
    assert tested.document["not_run"] > 5
    assert "cases of the gate are not run here" in exchange("policy", "test").out


def test_a_policy_that_was_taken_out_turns_its_cases_red(exchange: Command, tmp_path: Path) -> None:
    folder = _policies(tmp_path)
    file = next(path for path in folder.glob("*.cedar") if '@id("R09")' in path.read_text())
    before, _, after = file.read_text().partition('@id("R09")')
    file.write_text(before + after.partition(";\n")[2])

    ran = exchange("policy", "test", "--policies", folder, "--json")

    assert ran.code == 1
    assert ran.document["failed"]


def test_a_policy_that_is_no_cedar_is_refused_with_its_place(exchange: Command, tmp_path: Path) -> None:
    folder = _policies(tmp_path)
    (folder / "wrong.cedar").write_text("permit everything")

    ran = exchange("policy", "check", "--policies", folder)

    assert ran.code == 1
    assert "POLICY_WRONG" in ran.err
    assert "/policies/wrong.cedar" in ran.err


def test_a_decision_is_explained_by_its_rules(exchange: Command) -> None:
    ran = exchange("policy", "explain", "T1 OUO | read | RES GRAY | addressee", "--json")

    assert ran.document["outcome"] == "POINTER"
    assert "R07" in ran.document["rules"]
    assert {"id", "says", "source", "verified"} == set(ran.document["steps"][0]["rules"][0])
    assert exchange("policy", "explain", "who may do what?").code == 1


def test_the_rules_in_force_are_listed_with_those_of_the_gate(exchange: Command, community: Community) -> None:
    listed = exchange("policy", "list", "--as", community.profile("ncb-fra"), "--json").document

    assert {"R01", "R06", "R07", "R09", "R49"} <= {rule["id"] for rule in listed["rules"]}


def test_a_source_that_was_only_recalled_is_never_quoted_as_fact(exchange: Command) -> None:
    """Such a source may be wrong; a table that names it bare would pass it off as read."""
    listing = exchange("policy", "list", "--json").document["rules"]
    recalled = [rule["id"] for rule in listing if rule["verified"] == "recalled"]
    listed = exchange("policy", "list").out
    explained = exchange("policy", "explain", "T1 RES | read | OUO | addressee excluded").out

    assert {"R06", "R09", "R10", "R31"} <= set(recalled)
    assert listed.count("(recalled)") == len(recalled)
    assert re.search(r"^\w+ +not permitted +R09 .* RPD 58 \(recalled\)", explained, re.MULTILINE)


def test_a_policy_set_is_proposed_by_one_officer_and_activated_by_another(
    exchange: Command, community: Community, tmp_path: Path
) -> None:
    one, two = community.officers
    folder = _policies(tmp_path)
    (folder / "everywhere.cedar").write_text((folder / "everywhere.cedar").read_text() + "\n// reviewed\n")

    proposed = exchange("policy", "propose", folder, "--as", one, "--json")
    activated = exchange("policy", "activate", proposed.document["change"], "--as", two, "--json")

    digest = exchange("policy", "check", "--policies", folder, "--json").document["digest"]
    in_force = exchange("policy", "list", "--as", community.profile("ncb-fra"), "--json").document["digest"]
    assert (proposed.document["state"], activated.document["state"]) == ("pending", "applied")
    assert in_force == digest


def test_a_doctor_finds_a_healthy_profile_and_exchange_well(exchange: Command, community: Community) -> None:
    ran = _doctor(exchange, community.profile("ncb-fra"), "--folder", community.served.folder)

    assert ran.code == 0
    assert {one["state"] for one in ran.document["checks"]} == {"well"}
    found = {one["what"] for one in ran.document["checks"]}
    assert {"settings", "database", "profile", "pin", "clock", "token", "directory", "trail"} <= found


def test_a_doctor_finds_what_is_wrong(exchange: Command, community: Community) -> None:
    copy = community.copy_of("ncb-fra").folder
    (copy / "keys" / "message.pem").chmod(0o644)
    profile = copy / "profile.toml"
    profile.write_text(profile.read_text().replace(community.served.pin.genesis, "00" * 32))

    ran = _doctor(exchange, copy)

    assert ran.code == 1
    wrong = {one["what"] for one in ran.document["checks"] if one["state"] == "wrong"}
    assert {"message key", "pin", "directory"} <= wrong


def test_a_doctor_finds_readable_secrets(exchange: Command, tmp_path: Path) -> None:
    folder = tmp_path / "exchange"
    made = exchange("init", folder, "--origin", "exchange.example/doctor", "--training", "--json")
    well = exchange("doctor", "--folder", folder)
    (folder / "secrets" / "head.key").chmod(0o644)

    ran = exchange("doctor", "--folder", folder)
    refused = exchange("serve", folder)

    assert made.document["origin"] == "exchange.example/doctor"
    assert exchange("init", folder, "--origin", "exchange.example/doctor", "--training").code == 2
    assert well.code == 0
    assert ran.code == 1
    assert "chmod 600" in ran.out
    assert refused.code == 2


def _doctor(exchange: Command, profile: Path, *more: object) -> Ran:
    return exchange("doctor", "--as", profile, *more, "--json")


def _policies(tmp_path: Path) -> Path:
    import shutil

    from exchange import shipped

    return Path(shutil.copytree(str(shipped.folder("policies")), tmp_path / "policies"))


# Control after sending


def test_an_item_is_restricted_lifted_corrected_and_recalled(exchange: Command, community: Community) -> None:
    fra, ita = community.profile("ncb-fra"), community.copy_of("ncb-ita").folder
    item = sent(exchange, community, "--to", "ncb-ita", OUO)["item"]
    assert exchange("show", item, "--as", ita).code == 0

    restricted = exchange("restrict", item, "--releasable", "ONLY:DEU", "--reason", "INV-9", "--as", fra, "--json")
    hidden = exchange("show", item, "--as", ita)
    lifted = exchange("lift", item, "--as", fra, "--json")
    corrected = exchange("correct", item, "--text", "hallo", "--as", fra, "--json")
    shown = exchange("show", item, "--as", ita, "--json")
    listed = exchange("thread", item, "--as", ita)
    recalled = exchange("recall", item, "--ground", "ERROR", "--as", fra, "--json")
    words = exchange("recall", item, "--ground", "ERROR", "--as", fra)

    assert [one.document["told"] for one in (restricted, lifted, corrected, recalled)] == [["ncb-ita"]] * 4
    assert hidden.code != 0
    assert shown.document["newer"] == corrected.document["item"]
    assert "corrected by" in listed.out
    assert words.code != 0
    assert "recalled" in words.err


@pytest.mark.parametrize("words", [("restrict",), ("correct",)])
def test_an_act_without_content_is_wrong_usage(words: tuple[str, ...], exchange: Command, community: Community) -> None:
    assert exchange(*words, "ncb-fra:x", "--as", community.profile("ncb-fra")).code == 2


def test_what_its_source_controls_is_asked_for_and_passed_on(exchange: Command, community: Community) -> None:
    fra, ita = community.profile("ncb-fra"), community.copy_of("ncb-ita").folder
    item = sent(exchange, community, "--to", "ncb-ita", OUO, "--handling", "ORCON")["item"]
    wanted = ("--to", "ncb-deu", "--as", ita, "--json")

    refused = exchange("forward", item, *wanted)
    asked = exchange("permission", "ask", item, "--reason", "the joint team", *wanted)
    request = asked.document["item"]
    endless = exchange("permission", "answer", request, "--grant", "--as", fra)
    granted = exchange(
        "permission", "answer", request, "--grant", "--until", "2126-01-01T00:00:00Z", "--as", fra, "--json"
    )
    passed = exchange("forward", item, "--permission", granted.document["item"], *wanted)

    assert "ORIGINATOR_CONTROL" in refused.out
    assert endless.code == 2
    assert passed.document["routing"] == [{"participant": "ncb-deu", "outcome": "released"}]
