"""The texts that make a policy set: what officers sign, what a digest names, what files are only the input of."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from exchange.participant import policy_digest
from exchange.refusal import Fault, Reason, Refusal


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyTexts:
    """A Cedar schema, the policies and the cases that they must pass, each by file name."""

    schema: str
    policies: Mapping[str, str]
    cases: Mapping[str, str] = field(default_factory=dict)

    @property
    def document(self) -> dict[str, Any]:
        """The same as JSON: the member `policy` of the change that activates it."""
        return {"schema": self.schema, "policies": dict(self.policies), "cases": dict(self.cases)}

    @property
    def digest(self) -> str:
        return policy_digest(self.document)


def parse_texts(members: Mapping[str, Any]) -> PolicyTexts:
    """members: {"schema": text, "policies": {name: text}, "cases": {name: text}}. Raises Refusal(POLICY_WRONG)."""
    faults = [Fault(f"/{name}", "is there, and nothing else is") for name in members.keys() ^ _MEMBERS]
    if not faults:
        if not isinstance(members["schema"], str):
            faults.append(Fault("/schema", "is a text"))
        faults += [
            Fault(f"/{name}", "holds texts by name") for name in ("policies", "cases") if not _texts(members[name])
        ]
    if faults:
        raise Refusal(Reason.POLICY_WRONG, faults=tuple(faults))
    return PolicyTexts(schema=members["schema"], policies=dict(members["policies"]), cases=dict(members["cases"]))


_MEMBERS = frozenset({"schema", "policies", "cases"})


def _texts(value: object) -> bool:
    return isinstance(value, dict) and all(isinstance(v, str) for pair in value.items() for v in pair)
