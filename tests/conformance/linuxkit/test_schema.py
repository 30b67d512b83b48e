"""Our schema says what LinuxKit's JSON schema says (schema.json is LinuxKit's, at 3bf33c3a)."""

import json
from pathlib import Path

from lkbuild.linuxkit.schema import CONFIGURATION, Either, Flag, Many, Record, Table, Text, Whole

LINUXKITS = json.loads(Path(__file__).with_name("schema.json").read_text(encoding="utf-8"))


def as_json_schema(kind):
    match kind:
        case Text(choices=()):
            return {"type": "string"}
        case Text():
            return {"enum": sorted(kind.choices)}
        case Whole():
            return {"type": "integer"}
        case Flag():
            return {"type": "boolean"}
        case Either():
            return {"anyOf": [{"type": "string"}, {"type": "integer"}]}
        case Table():
            return {"type": "object", "additionalProperties": {"type": "string"}}
        case Many():
            return {"type": "array", "items": as_json_schema(kind.item)}
        case Record():
            found = {
                "type": "object",
                "additionalProperties": False,
                "properties": {name: as_json_schema(field) for name, field in kind.fields.items()},
            }
            return {**found, "required": sorted(kind.required)} if kind.required else found
    raise AssertionError(kind)


def resolved(schema):
    """LinuxKit's schema with what its references stand for."""
    if isinstance(schema, list):
        return [resolved(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    if "$ref" in schema:
        return resolved(LINUXKITS["definitions"][schema["$ref"].rpartition("/")[2]])
    found = {key: resolved(value) for key, value in schema.items()}
    return {key: sorted(value) if key in ("enum", "required") and isinstance(value, list) else value for key, value in found.items()}


def test_both_schemas_are_the_same():
    top = {key: value for key, value in LINUXKITS.items() if key in ("additionalProperties", "properties")}
    assert as_json_schema(CONFIGURATION) == {"type": "object", **resolved(top)}
