"""The Prefect blocks: what Prefect demands of them, and the sources that they give."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from prefect.blocks.core import Block
from prefect.testing.standard_test_suites.blocks import BlockStandardTestSuite
from pydantic import SecretStr

import carbonaware_prefect
from carbonaware_prefect.blocks import (
    CarbonAwareSdkServer,
    CarbonPolicy,
    ElectricityMapsCredentials,
    WattTimeCredentials,
)
from carbonaware_prefect.clock import utc_now
from carbonaware_prefect.core import Interval
from carbonaware_prefect.errors import InvalidSettingError, SourceRefusedError
from tests.sources.contract.server import Api, json_reply, serve

BLOCKS = (
    CarbonAwareSdkServer,
    CarbonPolicy,
    ElectricityMapsCredentials,
    WattTimeCredentials,
)
SECRET = "key-that-must-not-show"  # noqa: S105  of no service


class TestEachBlock(BlockStandardTestSuite):
    """Prefect's own demands on a block."""

    @pytest.fixture(params=BLOCKS)
    def block(self, request: pytest.FixtureRequest) -> type[Block]:
        """Each of ours."""
        block: type[Block] = request.param
        return block


def test_the_root_names_all_blocks() -> None:
    """Registering the package itself finds every block."""
    found = {
        name for name in dir(carbonaware_prefect)
        if Block.is_block_class(getattr(carbonaware_prefect, name))
    }  # fmt: skip

    assert found == {block.__name__ for block in BLOCKS}


def test_importing_the_root_loads_no_prefect() -> None:
    """The names of the blocks at the root cost nothing before they are used."""
    look = "import sys, carbonaware_prefect; print('prefect' in sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", look], capture_output=True, text=True, check=True
    )

    assert done.stdout.strip() == "False"


def test_each_block_links_to_our_documentation() -> None:
    """The link that Prefect shows is the one that the package names."""
    text = (Path(__file__).parents[1] / "pyproject.toml").read_text(encoding="utf-8")
    named = re.search(r'^Documentation = "(.+)"$', text, re.MULTILINE)

    assert named is not None
    for block in BLOCKS:
        assert str(block._documentation_url).rstrip("/") == named[1]


@pytest.fixture
def api(monkeypatch: pytest.MonkeyPatch) -> Iterator[Api]:
    """A server that refuses every key."""
    monkeypatch.setenv("NO_PROXY", "*")
    with serve() as api:
        api.answer = lambda _: json_reply({"message": f"bad {SECRET}"}, status=401)
        yield api


def test_a_refused_key_is_named_by_its_block(api: Api) -> None:
    """The message says which block the key is from, and never the key."""
    block = ElectricityMapsCredentials(key=SecretStr(SECRET), base_url=api.url)
    block._block_document_name = "mine"
    now = utc_now()

    with pytest.raises(SourceRefusedError) as caught:
        block.source().fetch("DE", Interval(now, now + timedelta(hours=2)))

    assert "electricity-maps-credentials/mine" in str(caught.value)
    assert SECRET not in str(caught.value) + repr(block)
    assert api.asked[0].headers["auth-token"] == SECRET


def test_each_credentials_block_gives_its_source() -> None:
    """The source of a block carries the name that records show."""
    password = SecretStr("x")

    assert ElectricityMapsCredentials(key=password).source().name == "electricity_maps"
    watttime = WattTimeCredentials(username="me", password=password)
    assert watttime.get_client().name == "watttime"
    server = CarbonAwareSdkServer(
        base_url="http://127.0.0.1:9", signal="marginal", locations={"DE": "gwc"}
    )
    assert (server.source().name, server.source().signal) == (
        "carbon_aware_sdk",
        "marginal",
    )


def test_a_key_does_not_travel_in_the_clear() -> None:
    """Plain http to another machine is refused where the block is used, by its name."""
    block = ElectricityMapsCredentials(key=SecretStr(SECRET), base_url="http://example.com")

    with pytest.raises(InvalidSettingError, match="the block ElectricityMapsCredentials"):
        block.source()


def test_a_policy_takes_the_source_of_its_credentials(api: Api) -> None:
    """A policy block with a credentials block asks that source."""
    policy = CarbonPolicy(
        zone="DE",
        credentials=ElectricityMapsCredentials(key=SecretStr(SECRET), base_url=api.url),
    )

    assert policy._given().fields["source"].name == "electricity_maps"
