"""What the documents tell people to write for their work pools."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from prefect.utilities.templating import apply_values
from ruamel.yaml import YAML

from tests.docs.documents import Block, blocks, commands, text_of
from tests.pools.published import Json

_FILES = ("prefect.yaml", "deployments/docker/prefect.yaml")
# What a build step called build-image returns.
_BUILT = {
    "image": "registry.example/retrain:1",
    "image_name": "registry.example/retrain",
    "tag": "1",
}


@dataclass(frozen=True)
class Example:
    """A deployment of a document: where it stands, its pool's type, its job variables."""

    where: str
    pool: str
    pool_type: str
    variables: Json


@dataclass(frozen=True)
class Change:
    """A part of a base job template that a document lays over the published one."""

    where: str
    pool_type: str
    part: Json


@lru_cache
def pool_types() -> dict[str, str]:
    """The type of each pool, by the documented commands that make them."""
    made = [words[3:] for words in commands() if words[:3] == ["prefect", *_CREATE]]
    return {words[0]: words[words.index("--type") + 1] for words in made}


_CREATE = ["work-pool", "create"]


def projects() -> list[Block]:
    """Every prefect.yaml of the documents and of the repository."""
    own = [Block(path, "yaml", text_of(path)) for path in _FILES]
    return own + [block for block in blocks("yaml") if "deployments:" in block.text]


def loaded(project: Block) -> Json:
    """A prefect.yaml as Prefect reads it after its build steps."""
    read: Json = YAML(typ="safe").load(project.text)
    built = apply_values(read, {"build-image": _BUILT}, remove_notset=False)
    assert isinstance(built, dict)
    return built


def examples() -> list[Example]:
    """Each documented deployment."""
    found = []
    for project in projects():
        for deployment in loaded(project)["deployments"]:
            pool: Json = deployment.get("work_pool") or {}
            name = str(pool.get("name"))
            kind = pool_types().get(name, "no pool is made with that name")
            variables = pool.get("job_variables") or {}
            where = f"{project.where}-{deployment['name']}"
            found.append(Example(where, name, kind, variables))
    return found


def changes() -> list[Change]:
    """Each documented change of a base job template.

    The command above it that prints the published template says of which type.
    """
    found = []
    for block in blocks("json"):
        if "job_configuration" in block.text:
            path, _, line = block.where.rpartition(":")
            above = "\n".join(text_of(path).splitlines()[: int(line)])
            kind = re.findall(r"get-default-base-job-template --type (\S+)", above)[-1]
            found.append(Change(block.where, kind, json.loads(block.text)))
    return found


def change_of(pool_type: str) -> Any:
    """What the documents lay over the template of that type; nothing for most."""
    for change in changes():
        if change.pool_type == pool_type:
            return change.part
    return {}
