"""Blocks on a real server: saved, loaded, nested, and silent about secrets."""

from __future__ import annotations

import re
import subprocess
from datetime import timedelta
from typing import Any

import pytest
from prefect.settings import PREFECT_API_URL, temporary_settings
from pydantic import SecretStr

from carbonaware_prefect import CarbonPolicy, ElectricityMapsCredentials
from tests.prefect_server.server import Server
from tests.warm import python


def test_a_policy_with_credentials_survives_the_server(
    server: Server, capfd: pytest.CaptureFixture[str]
) -> None:
    """A policy keeps its nested credentials through save and load, shown to nobody."""
    with temporary_settings({PREFECT_API_URL: server.api}):
        ElectricityMapsCredentials(key=SecretStr("secret-value")).save("mine")
        key: Any = ElectricityMapsCredentials.load("mine")
        CarbonPolicy(zone="DE", window=timedelta(hours=3), credentials=key).save("nightly")
        policy: Any = CarbonPolicy.load("nightly")
    print(policy, repr(policy))
    shown = capfd.readouterr()

    assert policy.credentials.key.get_secret_value() == "secret-value"
    assert policy._given().fields["source"].name == "electricity_maps"
    assert policy.window == timedelta(hours=3)
    assert policy.delay_task().name == "carbonaware-delay"
    assert "secret-value" not in shown.out + shown.err


@pytest.mark.parametrize("module", ["carbonaware_prefect", "carbonaware_prefect.blocks"])
def test_prefect_registers_the_blocks_of_the_package(server: Server, module: str) -> None:
    """`prefect block register -m` lists all of them, and nothing else of the module."""
    done = subprocess.run(
        [python(), "-m", "prefect", "block", "register", "-m", module],
        env=server.environment(COLUMNS="200"),
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stderr
    listed = re.findall(r"^│ (.+?) +│$", done.stdout, re.MULTILINE)
    assert sorted(listed) == [
        "Carbon Aware SDK Server",
        "Carbon Policy",
        "Electricity Maps Credentials",
        "WattTime Credentials",
    ]
