"""Surroundings without any trace of a cloud, for tests to add to."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from carbonaware_prefect.clouds.detection import Surroundings


@pytest.fixture
def surround(tmp_path: Path) -> Callable[..., Surroundings]:
    """Surroundings with every metadata service at one loopback address, as on a machine."""

    def _surround(
        url: str,
        *,
        environment: Mapping[str, str] | None = None,
        dmi: Mapping[str, str] | None = None,
    ) -> Surroundings:
        assert url.startswith("http://127.0.0.1:")
        for name, content in (dmi or {}).items():
            (tmp_path / name).write_text(f"{content}\n")
        return Surroundings(
            environment=environment or {},
            dmi_root=tmp_path,
            aws_url=url,
            azure_url=url,
            gcp_url=url,
        )

    return _surround
