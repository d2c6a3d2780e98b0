"""`policy`: which rules there are, whether a set holds together and passes its cases, and how one comes into force.

The set is that of the exchange (--as), of a folder (--policies), or the one that ships with this package. Asking Cedar
takes parts of the server; what an exchange has in force is fetched and verified without them.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from exchange.cli.changes import Waiting, propose, tell
from exchange.cli.options import As, Json, ask, server_modules
from exchange.cli.screen import REFUSED, Failed, show, table
from exchange.cli.serving import operating
from exchange.participant import ChangeKind, policy_digest

if TYPE_CHECKING:
    from exchange.policy import CaseResult, PolicySet, Rule

From = Annotated[Path | None, typer.Option("--policies", help="a folder with a policy set", show_default=False)]
InForce = Annotated[
    Path | None, typer.Option("--as", help="the set that is in force where this profile belongs", show_default=False)
]


_EXPLAINED = ("id", "says", "source", "verified")
_LISTED = (*_EXPLAINED, "effect", "tell", "file")


def group() -> typer.Typer:
    app = typer.Typer(no_args_is_help=True, help="Who may do what, and why.")
    app.command("list")(_list)
    app.command("check")(_check)
    app.command("test")(_test)
    app.command("explain")(_explain)
    app.command("propose")(_propose)
    app.command("activate")(_activate)
    return app


def _list(policies: From = None, profile: InForce = None, json: Json = False) -> None:
    """The rules, those of the gate too: what each says, where it comes from, who is told of it."""
    policy = _policy_set(_texts(policies, profile), in_force=profile is not None)
    rules = [_shown(rule, _LISTED) | {"acts": list(rule.acts)} for rule in policy.listing()]
    rows = [(r["id"], r["effect"], ", ".join(r["acts"]), r["says"], _quoted(r), r["tell"]) for r in rules]
    shown = table(("id", "effect", "acts", "says", "source", "tell"), rows, title=f"policy set {policy.digest[:16]}")
    show(json, {"digest": policy.digest, "rules": rules}, shown)


def _check(policies: From = None, profile: InForce = None, json: Json = False) -> None:
    """Whether a set holds together: Cedar, the schema, the facts that are computed, the annotations."""
    policy = _policy_set(_texts(policies, profile))
    found = {"digest": policy.digest, "policies": len(policy.rules)}
    show(json, found, f"{len(policy.rules)} policies hold together. Digest {policy.digest}")


def _test(policies: From = None, profile: InForce = None, json: Json = False) -> None:
    """Run a set's cases. Every policy must have one that it decides and one that it could but does not.

    Those of the gate are counted only: they are about the code, and acted out by its own tests.
    """
    policy = _policy_set(_texts(policies, profile), in_force=profile is not None)
    with operating():
        from exchange.policy import check_cases, run_cases
        from exchange.policy.cases import read_cases

        results = run_cases(policy)
        _, gate = read_cases(policy.texts.cases)
    failed = [result for result in results if not result.passed]
    if not failed:
        check_cases(policy)
    told_of = [_failed(result) for result in failed]
    document = {"digest": policy.digest, "cases": len(results), "not_run": len(gate), "failed": told_of}
    rows = [(one["place"], one["case"], one["answers"], one["by"]) for one in told_of]
    counted = Counter(result.case.place.split("/")[0] for result in results)
    summary = ", ".join(f"{file} {n}" for file, n in sorted(counted.items()))
    show(
        json,
        document,
        table(("place", "case", "answers", "by"), rows, nothing="Every case passes."),
        f"{len(results)} cases ({summary}), {len(failed)} failed.",
        *([f"{len(gate)} cases of the gate are not run here: `make test` acts them out."] if gate else []),
    )
    if failed:
        raise typer.Exit(REFUSED)


def _explain(
    question: Annotated[
        str, typer.Argument(help='as in a case: "T1 OUO | read | RES GRAY | addressee"', show_default=False)
    ],
    policies: From = None,
    profile: InForce = None,
    json: Json = False,
) -> None:
    """What a set answers to a question, by which rules, step by step."""
    policy = _policy_set(_texts(policies, profile), in_force=profile is not None)
    with operating():
        from exchange.policy import parse_question

        asked = parse_question(question)
        decision = policy.decide(asked.door, asked.principal, asked.resource, asked.context)
        steps = policy.explain(decision)
    explained: list[dict[str, Any]] = [
        {"act": step.act, "permitted": step.permitted, "rules": [_shown(rule, _EXPLAINED) for rule in step.rules]}
        for step in steps
    ]
    document = {
        "outcome": decision.outcome.value,
        "rules": list(decision.rules),
        "told": list(decision.told),
        "steps": explained,
    }
    rows = [
        (step["act"], "permitted" if step["permitted"] else "not permitted", rule["id"], rule["says"], _quoted(rule))
        for step in explained
        for rule in step["rules"]
    ]
    words = f"{decision.outcome.value} by {', '.join(decision.rules)}"
    show(json, document, words, table(("act", "", "rule", "says", "source"), rows))


def _propose(
    folder: Annotated[Path, typer.Argument(help="the folder with the new set", show_default=False)],
    profile: As,
    json: Json = False,
) -> None:
    """Propose a policy set; it is checked, its cases are run, and a second officer activates it."""
    texts = _texts(folder, None)
    _policy_set(texts)
    propose(profile, ChangeKind.POLICY, json, policy=texts)


def _activate(
    change: Waiting,
    profile: As,
    json: Json = False,
) -> None:
    """Approve a proposed policy set: it is in force with the next decision."""
    tell(json, ask(profile, lambda client: client.officer.approve(change)))


def _texts(folder: Path | None, profile: Path | None) -> dict[str, Any]:
    if folder is not None and profile is not None:
        raise typer.BadParameter("say --policies or --as, not both")
    if profile is not None:
        return dict(ask(profile, lambda client: client.officer.policy()))
    with operating():
        from exchange import founding, shipped

        return founding.read_policies(folder or Path(str(shipped.folder("policies"))))


def _policy_set(texts: Mapping[str, Any], *, in_force: bool = False) -> "PolicySet":
    """in_force: as a gateway loads it, by what it reads. Raises Failed with what Cedar says, where the set does not
    hold together: its author reads it here.
    """
    with server_modules():
        from exchange.policy import PolicySet, parse_texts
        from exchange.refusal import Refusal
    try:
        return PolicySet.load(parse_texts(texts), strict=not in_force)
    except Refusal as refusal:
        if refusal.__cause__ is None:
            raise
        digest = policy_digest(texts)
        raise Failed(refusal.reason.code, str(refusal.__cause__), f"mend the set {digest[:16]}", exit=REFUSED) from None


def _shown(rule: "Rule", members: Sequence[str]) -> dict[str, Any]:
    return {name: getattr(rule, name) for name in members}


def _quoted(rule: Mapping[str, Any]) -> str:
    """Where a rule comes from, as it may be told: a source that nobody has compared is never quoted as fact."""
    return f"{rule['source']} (recalled)" if rule["verified"] == "recalled" else str(rule["source"])


def _failed(result: "CaseResult") -> dict[str, str]:
    return {
        "place": result.case.place,
        "case": result.case.text,
        "answers": result.decision.outcome.value,
        "by": " ".join(result.decision.rules),
    }
