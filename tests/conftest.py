"""No test looks for a cloud or writes to the user's cache, unless it says so."""

from __future__ import annotations

import pytest


@pytest.fixture(autouse=True)
def _alone(monkeypatch: pytest.MonkeyPatch) -> None:
    # Nothing is asked on link-local addresses, and no forecast outlives its test.
    monkeypatch.setenv("CARBONAWARE_DETECT", "0")
    monkeypatch.setenv("CARBONAWARE_CACHE_DIR", "")
