"""Each deployment has a page of its own, under a key that Prefect takes."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prefect.client.schemas.actions import ArtifactCreate

from carbonaware_prefect.pages.keys import PLAN, PageKeys, page_keys


@pytest.mark.parametrize("name", ["nightly", "etl-2", "0"])
def test_a_plain_name_is_in_its_key(name: str) -> None:
    """Who knows the deployment's name finds its page."""
    assert page_keys(name, "id").first == f"carbon-aware-{name}"


@pytest.mark.parametrize("name", ["plan", "runs", "ledger"])
def test_names_of_other_artifacts(name: str) -> None:
    """A deployment that is called like one of ours does not take its place."""
    assert page_keys(name, "id").first.startswith(f"carbon-aware-{name}-")
    assert page_keys(name, "id").first != PLAN


@given(st.text(max_size=200))
def test_prefect_takes_every_key(name: str) -> None:
    """Whatever a deployment is called, in whatever script."""
    keys = page_keys(name, "id")

    assert ArtifactCreate(key=keys.first).key == keys.first
    assert ArtifactCreate(key=keys.second).key == keys.second


@given(st.lists(st.text(max_size=20), unique=True, max_size=20))
def test_other_names_other_keys(names: list[str]) -> None:
    """Also where they differ in what keys cannot have."""
    assert len({page_keys(name, "id").first for name in names}) == len(names)


def test_one_name_in_two_flows() -> None:
    """The second of two deployments with one name has a key of its own."""
    one, other = page_keys("nightly", "1"), page_keys("nightly", "2")

    assert one.first == other.first
    assert len({one.first, one.second, other.second}) == 3


def test_keys_are_stable() -> None:
    """A later version finds the pages of this one."""
    assert page_keys("Nightly load (DE)", "5") == PageKeys(
        "carbon-aware-nightly-load-de-17045337", "carbon-aware-nightly-load-de-ef2d127d"
    )
