"""Holds documents against the schemas in schemas/, and says where one does not fit without repeating any of it.

The one module that imports jsonschema_rs. A fault is a pointer made of names that the schemas know, and fixed words:
what a sender made up, be it a value or the name of a member, comes back in no answer and no log.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Any, Final

import jsonschema_rs

from exchange.refusal import Fault, Reason, Refusal

SUFFIX: Final = ".schema.json"
MOST_FAULTS: Final = 8

# Listing faults costs some 10 us each and is not lazy. A document of more nodes than this is told its first one only,
# so that a hostile one buys milliseconds of our time and not half a second.
_MOST_NODES = 1000

_SAYS: Final[Mapping[str, str]] = {
    "additionalProperties": "has no members besides those of its schema",
    "const": "is the one value that the schema names",
    "enum": "is one of the codes that the schema lists",
    "falseSchema": "is not there in this case",
    "format": "is a date or an instant of the calendar",
    "maxItems": "has no more entries than the schema allows",
    "maxLength": "is no longer than the schema allows",
    "maxProperties": "has no more members than the schema allows",
    "maximum": "is no greater than the schema allows",
    "minItems": "has as many entries as the schema asks for",
    "minLength": "is not empty",
    "minProperties": "has as many members as the schema asks for",
    "minimum": "is no less than the schema allows",
    "not": "has no members that rule each other out",
    "pattern": "has the form that the schema names",
    "propertyNames": "has names of the form that the schema names",
    "required": "is there",
    "type": "is of the JSON type that the schema names",
    "unevaluatedProperties": "has no members besides those of its schema",
    "uniqueItems": "has no entry twice",
}
_OTHERWISE = "is as its schema says"


@dataclass(frozen=True, slots=True)
class Schemas:
    """The schemas by name (`message`, `change`, ...), compiled once and good for any number of documents."""

    _validators: Mapping[str, jsonschema_rs.Validator]
    _members: frozenset[str]  # every member name that some schema knows

    @classmethod
    def compile(cls, texts: Mapping[str, str]) -> "Schemas":
        """texts: file name (`message.schema.json`) -> JSON Schema 2020-12, with `$id` urn:exchange:schema:<name>:1.

        Patterns run on an engine that takes time linear in the input and knows no others; formats are asserted.
        Raises ValueError if a schema is wrong, refers to one that is not among the texts, or has another's `$id`.
        """
        schemas = {name.removesuffix(SUFFIX): json.loads(text) for name, text in texts.items()}
        for name, schema in schemas.items():
            if schema.get("$id") != f"urn:exchange:schema:{name}:1":
                raise ValueError(f"{name}{SUFFIX} bears the $id of another schema")
        registry = jsonschema_rs.Registry([(schema["$id"], schema) for schema in schemas.values()])
        try:
            validators = {name: _validator(schema, registry) for name, schema in schemas.items()}
        except jsonschema_rs.ReferencingError as unknown:
            raise ValueError(str(unknown)) from unknown
        return cls(validators, frozenset().union(*map(_member_names, schemas.values())))

    def names(self) -> tuple[str, ...]:
        """The schemas' names, in order."""
        return tuple(sorted(self._validators))

    def check(self, name: str, document: Any) -> None:
        """document: of strict JSON. Raises Refusal(SCHEMA_VIOLATION) with 1 to 8 faults."""
        validator = self._validators[name]
        if not validator.is_valid(document):
            raise Refusal(Reason.SCHEMA_VIOLATION, faults=self._faults(validator, document))

    def _faults(self, validator: jsonschema_rs.Validator, document: Any) -> tuple[Fault, ...]:
        try:
            validator.validate(document)
        except jsonschema_rs.ValidationError as first:
            errors = validator.iter_errors(document) if _is_small(document) else iter((first,))
            return tuple(map(self._fault, islice(errors, MOST_FAULTS)))
        raise AssertionError("a document is valid or it is not")

    def _fault(self, error: jsonschema_rs.ValidationError) -> Fault:
        kind = error.kind
        steps = list(error.instance_path)
        if isinstance(kind, jsonschema_rs.ValidationErrorKind.Required):
            steps.append(kind.property)
        return Fault(self._pointer(steps), _SAYS.get(kind.name, _OTHERWISE))

    def _pointer(self, steps: list[str | int]) -> str:
        """RFC 6901, down to the first name that is not ours. Ours need no escapes."""
        pointer = ""
        for step in steps:
            if isinstance(step, str) and step not in self._members:
                break
            pointer += f"/{step}"
        return pointer


def _validator(schema: dict[str, Any], registry: jsonschema_rs.Registry) -> jsonschema_rs.Validator:
    return jsonschema_rs.Draft202012Validator(
        schema,
        registry=registry,
        validate_formats=True,
        ignore_unknown_formats=False,
        pattern_options=jsonschema_rs.RegexOptions(),
        offline=True,
    )


def _member_names(schema: object) -> Iterator[str]:
    """Of every `properties` anywhere in a schema."""
    if isinstance(schema, dict):
        yield from schema.get("properties", ())
        for below in schema.values():
            yield from _member_names(below)
    elif isinstance(schema, list):
        for below in schema:
            yield from _member_names(below)


def _is_small(document: object) -> bool:
    """Has at most _MOST_NODES values, counted only as far as that."""
    unseen, seen = [document], 0
    while unseen and seen + len(unseen) <= _MOST_NODES:
        node = unseen.pop()
        seen += 1
        unseen.extend(node.values() if isinstance(node, dict) else node if isinstance(node, list) else ())
    return not unseen
