"""Which facts a policy reads, found in its parsed form: decisions are remembered by exactly these.

A form that is not modelled here makes the policy set unsound, whatever Cedar thinks of it: better to refuse a policy
at its activation than to remember its answers by too few facts.
"""

from collections.abc import Iterator

from cedarpy import pst

from exchange.policy.ladder import LADDER_OF

Read = tuple[str, str]  # ("principal" | "resource" | "context", attribute)

_COMBINE = frozenset({"and", "or"})
_COMPARE = frozenset({"eq", "not_eq", "less", "less_eq", "greater", "greater_eq"})
_CONTAIN = frozenset({"contains", "contains_all", "contains_any"})
_UNARY = frozenset({"not", "is_empty"})


class Unmodelled(Exception):
    """A policy has a form whose facts are not known. The text says which, in words of Cedar's grammar alone."""


def acts_of(policy: pst.Template) -> tuple[str, ...]:
    """The acts that a policy speaks of, among those that some door asks. Raises Unmodelled."""
    _only_typed(policy.principal, {"Participant"})
    about = _only_typed(policy.resource, {ladder.about for ladder in LADDER_OF.values()})
    match policy.action:
        case pst.ScopeAny():
            named = tuple(LADDER_OF)
        case pst.ActionEq(entity=act):
            named = (act.id,)
        case pst.ActionIn(entities=acts):
            named = tuple(act.id for act in acts)
    if not named or not set(named) <= LADDER_OF.keys():
        raise Unmodelled("an action that no door asks")
    return tuple(act for act in named if about is None or LADDER_OF[act].about == about)


def reads_of(policy: pst.Template) -> frozenset[Read]:
    """Every fact that the policy's conditions may read. Raises Unmodelled."""
    return frozenset(read for clause in policy.clauses for read in _reads(clause.expr))


def _only_typed(scope: pst.PrincipalOrResourceConstraint, types: set[str]) -> str | None:
    match scope:
        case pst.ScopeAny():
            return None
        case pst.ScopeIs(entity_type=kind) if str(kind) in types:
            return str(kind)
        case _:
            raise Unmodelled("a scope that names an entity: no id reaches a policy")


def _reads(expression: pst.Expr) -> Iterator[Read]:
    match expression:
        case pst.BoolLit() | pst.LongLit() | pst.StringLit() | pst.EntityLit():
            pass
        case pst.GetAttr(base=pst.Var(name=name), attr=attribute) if name != "action":
            yield name, attribute
        case pst.BinaryOp(op="eq" | "not_eq", left=pst.Var(name="action"), right=pst.EntityLit()):
            pass  # policies are evaluated act by act, so the act needs no remembering
        case pst.BinaryOp(op=op, left=left, right=right) if op in _COMBINE | _COMPARE | _CONTAIN:
            yield from _reads(left)
            yield from _reads(right)
        case pst.UnaryOp(op=op, arg=operand) if op in _UNARY:
            yield from _reads(operand)
        case pst.Set(elements=elements):
            for element in elements:
                yield from _reads(element)
        case pst.BinaryOp(op=op) | pst.UnaryOp(op=op):
            raise Unmodelled(f"the operator {op}")
        case _:
            raise Unmodelled(f"the form {type(expression).__name__}")
