"""Values of a venue's files held against venue.schema.json: the one place that says what is valid."""

from __future__ import annotations

import json
import math
import reprlib
from functools import cache
from importlib.resources import files
from typing import Any

import jsonschema
from jsonschema.protocols import Validator

from giljabi.errors import GiljabiError

_SHORT = reprlib.Repr()
_SHORT.maxstring = _SHORT.maxother = _SHORT.maxlong = 60


def check(value: Any, shape: str, spot: str) -> None:
    """GiljabiError where `value` is no `shape` (a path under $defs); it begins with `spot`."""
    try:
        errors = sorted(
            _validator(shape).iter_errors(value), key=lambda e: list(map(str, e.absolute_path))
        )
    except RecursionError:
        raise GiljabiError(f"{spot}: nested too deeply; write the value itself there.") from None
    for error in errors[:1]:
        field = ".".join(map(str, error.absolute_path))
        raise GiljabiError(f"{spot}{f', field {field}' if field else ''}: {_fault(error)}.")


def shown(value: Any) -> str:
    """A value as an error message shows it: on one line, short however large or deep it is."""
    return _SHORT.repr(value)


def _fault(error: jsonschema.ValidationError) -> str:
    schema: Any = error.schema
    rule, found = error.validator, error.instance
    keys: Any = found
    if rule == "required":
        return f"{next(k for k in schema['required'] if k not in keys)} is missing"
    if rule == "additionalProperties":
        unknown = next(k for k in keys if k not in schema["properties"])
        return f"unknown field {shown(unknown)}; known are {', '.join(schema['properties'])}"
    if "description" in schema:
        return f"should be {schema['description']}, found {shown(found)}"
    if rule == "enum":
        return f"should be one of {', '.join(schema['enum'])}, found {shown(found)}"
    return error.message[:200]


@cache
def _validator(shape: str) -> Validator:
    whole = json.loads((files("giljabi.venue") / "venue.schema.json").read_text("utf-8"))
    validator: Validator = _Strict(_inlined({"$ref": f"#/$defs/{shape}"}, whole))
    return validator


def _inlined(node: Any, whole: Any) -> Any:
    """The schema with what its references stand for: looking them up is half the time of a check."""
    if isinstance(node, list):
        return [_inlined(inner, whole) for inner in node]
    if not isinstance(node, dict):
        return node
    if "$ref" in node:
        target = whole
        for step in node["$ref"].removeprefix("#/").split("/"):
            target = target[step]
        return _inlined(target, whole)
    return {key: _inlined(inner, whole) for key, inner in node.items()}


def _is_integer(_: Any, value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _is_number(_: Any, value: object) -> bool:
    return _is_integer(_, value) or (isinstance(value, float) and math.isfinite(value))


# JSON Schema takes 3.0 for a whole number, and NaN is neither above nor below any bound.
_Strict: Any = jsonschema.validators.extend(  # type: ignore[no-untyped-call]
    jsonschema.Draft202012Validator,
    type_checker=jsonschema.Draft202012Validator.TYPE_CHECKER.redefine_many(
        {"integer": _is_integer, "number": _is_number}
    ),
)
