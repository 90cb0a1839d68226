"""What the clouds publish about the requests that a worker makes.

Kubernetes' and Google's clients carry descriptions of their APIs; AWS's client checks
requests by itself. Prefect's schemas say nothing about the inside of a request.
"""

from __future__ import annotations

import importlib
import json
import re
from functools import lru_cache
from pathlib import Path
from typing import Any

from tests.pools.published import Json

# Prefect's own template has them in the pod's spec, where Kubernetes drops them.
_DROPPED = {"V1PodSpec.parallelism", "V1PodSpec.completions"}
_PLAIN: dict[str, type] = {"int": int, "str": str, "bool": bool}
_GOOGLE = {
    "cloud-run": ("run.v1", "Job"),
    "cloud-run-v2": ("run.v2", "GoogleCloudRunV2Job"),
}


def strange_keys(pool_type: str, body: Json) -> list[str]:
    """Keys of a request that its cloud does not know, and values of another type."""
    if pool_type == "kubernetes":
        return _kubernetes(body, "V1Job")
    if pool_type in _GOOGLE:
        api, schema = _GOOGLE[pool_type]
        return _google(body, {"$ref": schema}, google_schemas(api), "job")
    return []


def _kubernetes(value: Any, kind: str) -> list[str]:
    if inner := re.fullmatch(r"list\[(.+)\]", kind):
        return [fault for each in value for fault in _kubernetes(each, inner[1])]
    if inner := re.fullmatch(r"dict\[str, (.+)\]", kind):
        return [fault for each in value.values() for fault in _kubernetes(each, inner[1])]
    if kind in _PLAIN:
        wrong = type(value) is not _PLAIN[kind]
        return [f"{value!r} is no {kind}"] if wrong else []
    model = getattr(importlib.import_module("kubernetes_asyncio.client"), kind, None)
    if model is None:
        return []
    kinds = {key: model.openapi_types[name] for name, key in model.attribute_map.items()}
    faults = []
    for key, each in value.items():
        if f"{kind}.{key}" in _DROPPED:
            continue
        if key not in kinds:
            faults.append(f"{kind}.{key}: unknown")
            continue
        faults += [f"{kind}.{key}: {fault}" for fault in _kubernetes(each, kinds[key])]
    return faults


@lru_cache
def google_schemas(api: str) -> Json:
    """The schemas of one of Google's APIs, as its client carries them."""
    folder = Path(importlib.import_module("googleapiclient").__path__[0])
    path = folder / "discovery_cache" / "documents" / f"{api}.json"
    schemas: Json = json.loads(path.read_text(encoding="utf-8"))["schemas"]
    return schemas


def _google(value: Any, schema: Json, schemas: Json, where: str) -> list[str]:
    if "$ref" in schema:
        schema = schemas[schema["$ref"]]
    if schema.get("type") == "array":
        found = [_google(each, schema["items"], schemas, where) for each in value]
        return [fault for faults in found for fault in faults]
    if schema.get("type") != "object" or "properties" not in schema:
        return []
    faults = []
    for key, each in value.items():
        inner = schema["properties"].get(key)
        if inner is None:
            faults.append(f"{where}.{key}: unknown")
        else:
            faults += _google(each, inner, schemas, f"{where}.{key}")
    return faults
