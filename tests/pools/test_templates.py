"""Base job templates: those that are published, and what our documents change."""

from __future__ import annotations

import pytest
from prefect.infrastructure import provisioners

from tests.docs.documents import text_of
from tests.pools.checking import merged, template_faults
from tests.pools.cloud_schemas import strange_keys
from tests.pools.examples import Change, changes
from tests.pools.published import WORKERS, by_server, templates
from tests.pools.sending import send

each_type = pytest.mark.parametrize("pool_type", WORKERS)


@each_type
def test_published_templates_are_whole(pool_type: str) -> None:
    """Each published template is a JSON schema with a placeholder for each variable."""
    for template in templates(pool_type).values():
        assert template_faults(template) == []


@pytest.mark.parametrize("change", changes(), ids=lambda change: change.where)
def test_documented_changes_make_templates(change: Change) -> None:
    """Laid over the worker's or the server's template, each change gives a whole one."""
    for publisher, template in templates(change.pool_type).items():
        ours = merged(template, change.part)

        assert ours != template, publisher
        assert template_faults(ours) == [], publisher
        assert strange_keys(change.pool_type, send(change.pool_type, ours, {}).body) == []


def test_changes_are_documented_where_needed() -> None:
    """Kubernetes, ECS and the older Cloud Run lack something that only a template sets."""
    assert {change.pool_type for change in changes()} == {"kubernetes", "ecs", "cloud-run"}


def test_types_with_a_published_schema() -> None:
    """Prefect's server lists these types and no push pool; a new one wants a look."""
    assert set(by_server()) == set(WORKERS)
    push = set(provisioners._load_provisioners())
    assert push & set(WORKERS) == set()
    said = text_of("docs/other-pools.md")
    assert all(f"`{pool_type}`" in said for pool_type in push)
