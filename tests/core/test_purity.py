from __future__ import annotations

import subprocess
import sys

import pytest

import carbonaware_prefect

HEAVY = (
    "asyncio",
    "httpx",
    "prefect",
    "psutil",
    "pydantic",
    "pydantic_settings",
    "rich",
    "typer",
)


@pytest.mark.parametrize(
    "module",
    [
        "carbonaware_prefect",
        "carbonaware_prefect.core",
        "carbonaware_prefect.core.decision",
        "carbonaware_prefect.errors",
    ],
)
def test_import_loads_nothing_heavy(module: str) -> None:
    """Importing the bare package or its core loads no Prefect, HTTP or event loop."""
    program = f"import sys, {module}; print(*sorted(set({HEAVY}) & set(sys.modules)))"

    answer = subprocess.run(
        [sys.executable, "-c", program], check=True, capture_output=True, text=True
    )

    assert answer.stdout.split() == []


def test_version_loads_nothing_heavy() -> None:
    """Asking for the version does not start Prefect either."""
    program = (
        "import sys, carbonaware_prefect; carbonaware_prefect.__version__; "
        f"print(*sorted(set({HEAVY}) & set(sys.modules)))"
    )

    answer = subprocess.run(
        [sys.executable, "-c", program], check=True, capture_output=True, text=True
    )

    assert answer.stdout.split() == []


@pytest.mark.parametrize("name", carbonaware_prefect.__all__)
def test_public_name_resolves(name: str) -> None:
    """Every name that the root lists can be had from it, each time the same."""
    found = getattr(carbonaware_prefect, name)

    assert found is not None
    assert found is getattr(carbonaware_prefect, name)


def test_unknown_name_is_an_attribute_error() -> None:
    """A name that does not exist fails as on any module."""
    with pytest.raises(AttributeError) as caught:
        _ = carbonaware_prefect.carbonaware_delya

    assert str(caught.value) == (
        "module 'carbonaware_prefect' has no attribute 'carbonaware_delya'"
    )


def test_dir_lists_the_public_names() -> None:
    """Completion in a shell shows the public names before they are loaded."""
    program = "import carbonaware_prefect; print(*dir(carbonaware_prefect))"

    answer = subprocess.run(
        [sys.executable, "-c", program], check=True, capture_output=True, text=True
    )

    assert set(carbonaware_prefect.__all__) <= set(answer.stdout.split())
    assert set(carbonaware_prefect.__all__) <= set(dir(carbonaware_prefect))
