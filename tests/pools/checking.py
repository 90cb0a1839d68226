"""What is wrong with job variables, or with a base job template."""

from __future__ import annotations

from typing import Any

from jsonschema import Draft202012Validator
from jsonschema.exceptions import SchemaError
from prefect.utilities.templating import find_placeholders

from tests.pools.published import Json


def faults(variables: Json, template: Json) -> list[str]:
    """Why these job variables are not those of the template; none where they are.

    A name that the template does not know is a fault: Prefect drops it without a word.
    What is required may be said by pool or deployment, so its absence is none.
    """
    schema = {k: v for k, v in template["variables"].items() if k != "required"}
    known = schema["properties"]
    unknown = [f"{name}: unknown" for name in variables if name not in known]
    errors = Draft202012Validator(schema).iter_errors(variables)
    return unknown + [
        f"{'.'.join(str(part) for part in error.absolute_path)}: {error.message}"
        for error in errors
    ]


def template_faults(template: Json) -> list[str]:
    """Why this is no base job template: schema, placeholders, defaults."""
    schema = template["variables"]
    try:
        Draft202012Validator.check_schema(schema)
    except SchemaError as error:
        return [f"no JSON schema: {error.message}"]
    declared = set(schema["properties"])
    used = {found.name for found in find_placeholders(template["job_configuration"])}
    return [
        *(f"{name}: no variable" for name in sorted(used - declared)),
        *(f"{name}: no placeholder" for name in sorted(declared - used)),
        *faults(_defaults(template), template),
    ]


def _defaults(template: Json) -> Json:
    return {
        name: said["default"]
        for name, said in template["variables"]["properties"].items()
        if said.get("default") is not None
    }


def merged(below: Any, above: Any) -> Any:
    """``above`` laid over ``below`` as by ``jq -s '.[0] * .[1]'``."""
    if isinstance(below, dict) and isinstance(above, dict):
        both = {k: merged(below[k], above[k]) for k in below.keys() & above.keys()}
        return below | above | both
    return above
