"""The installed versions work together: what a wrong one breaks without a word."""

from __future__ import annotations

from importlib.metadata import version

from tests.server.world import Run, World, eventually

_CULPRITS = (
    "the installed versions do not work together; see docs/versions.md. "
    + ", ".join(
        f"{name} {version(name)}"
        for name in ("prefect", "fastapi", "sqlalchemy", "starlette")
    )
)


def test_a_cron_deployment_is_scheduled_and_completed(world: World) -> None:
    """The server answers, its scheduler creates runs, and a worker completes one.

    With sqlalchemy 2.1 no run is ever created; with fastapi 0.151 null limits are
    refused, and from 0.155 on the server does not start.
    """
    deployment = world.deploy(
        "plain.py:tick",
        schedules=[{"active": True, "schedule": {"cron": "* * * * *"}}],
    )

    def scheduled() -> list[dict[str, str]]:
        found: list[dict[str, str]] = world.server.call(
            "POST",
            "/flow_runs/filter",
            json={
                "deployments": {"id": {"any_": [deployment]}},
                "sort": "EXPECTED_START_TIME_ASC",
                "limit": None,
            },
        )
        return found

    runs = eventually(scheduled, within=30, what=f"runs are scheduled: {_CULPRITS}")
    first = Run(world.server, runs[0]["id"], world.folder / "none")
    try:
        first.wait_for("Completed", within=90)
    except AssertionError as error:
        message = f"{_CULPRITS}: {error}"
        raise AssertionError(message) from None
    world.server.call("DELETE", f"/deployments/{deployment}")
