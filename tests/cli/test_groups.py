"""`exchange group`: two officers let somebody in, one takes somebody out, members see it and address it."""

from tests.cli.conftest import Command
from tests.community import Community


def test_a_group_is_set_listed_and_addressed(exchange: Command, community: Community) -> None:
    one, two = community.officers
    named, rome = ("OP-HARBOUR", "--name", "Operation Harbour"), ("--as", community.profile("ncb-ita"), "--json")
    words = ("--to", "group:OP-HARBOUR", "--subject", "A test", "--text", "hello")

    both = ("--member", "ncb-fra", "--member", "ncb-ita/2030-01-01")
    proposed = exchange("group", "set", *named, *both, "--as", one, "--json")
    approved = exchange("participant", "approve", proposed.document["change"], "--as", two, "--json")
    (listed,) = exchange("group", "list", *rome).document
    sent = exchange("send", *words, *rome)
    foreign = exchange("send", *words, "--as", community.profile("ncb-deu"), "--json")
    emptied = exchange("group", "set", *named, "--member", "ncb-fra", "--as", one, "--json")

    assert (proposed.document["state"], approved.document["state"]) == ("pending", "applied")
    assert [(m["participant"], m.get("until")) for m in listed["members"]] == [
        ("ncb-fra", None),
        ("ncb-ita", "2030-01-01T00:00:00Z"),
    ]
    assert sent.code == 0, sent.err
    assert (foreign.code, foreign.document["error"]["reason"]) == (1, "UNKNOWN_RECIPIENT")
    assert emptied.document["state"] == "applied"
    assert exchange("group", "list", *rome).document == []


def test_a_day_is_written_as_one(exchange: Command, community: Community) -> None:
    words = ("--name", "H", "--member", "ncb-fra/tomorrow", "--as", community.officers[0])

    assert exchange("group", "set", "OP-H", *words).code == 2
