"""Blocks on a real server: saved, loaded, nested, and silent about secrets."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.prefect_server.server import Server

WORK = """
from datetime import timedelta
from pydantic import SecretStr
from carbonaware_prefect import CarbonPolicy, ElectricityMapsCredentials

ElectricityMapsCredentials(key=SecretStr("secret-value")).save("mine")
key = ElectricityMapsCredentials.load("mine")
CarbonPolicy(zone="DE", window=timedelta(hours=3), credentials=key).save("nightly")
policy = CarbonPolicy.load("nightly")
assert policy.credentials.key.get_secret_value() == "secret-value"
print(policy._given().fields["source"].name, policy.window)
print(policy.delay_task().name)
print(policy)
"""


def test_a_policy_with_credentials_survives_the_server(
    server: Server, tmp_path: Path
) -> None:
    """A policy keeps its nested credentials through save and load, shown to nobody."""
    done = subprocess.run(
        [sys.executable, "-c", WORK],
        env=server.environment(),
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )

    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[:2] == [
        "electricity_maps 3:00:00",
        "carbonaware-delay",
    ]
    assert "secret-value" not in done.stdout + done.stderr


@pytest.mark.parametrize("module", ["carbonaware_prefect", "carbonaware_prefect.blocks"])
def test_prefect_registers_the_blocks_of_the_package(server: Server, module: str) -> None:
    """`prefect block register -m` lists all of them, and nothing else of the module."""
    done = subprocess.run(
        [sys.executable, "-m", "prefect", "block", "register", "-m", module],
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
