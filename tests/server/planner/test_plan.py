"""`carbonaware-prefect plan`, from the command line to the runs' starts at their slots."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest

from tests.prefect_server.server import Server
from tests.prefect_server.world import World
from tests.server.planner.occurrences import (
    ENGINE,
    SECOND,
    Occurrence,
    Timeline,
    command,
    document,
    in_time,
    occur,
    scheduled_for,
)

_LABELS = {
    "nominal_start", "slot_start", "decided_at", "decided_by", "reason", "zone", "source",
    "signal", "intensity_nominal", "intensity_slot", "saving_percent", "moves",
}  # fmt: skip


@dataclass(kw_only=True)
class Told:
    """Four commands in a row, and the rows of the server after each of them."""

    later: Occurrence
    earlier: Occurrence
    table: str = ""
    answers: list[dict[str, Any]] = field(default_factory=list)
    rows: list[list[dict[str, Any]]] = field(default_factory=list)

    def look(self) -> None:
        """Take down the rows as they are now."""
        self.rows.append([_lasting(row) for row in self.later.rows() + self.earlier.rows()])


def _lasting(row: dict[str, Any]) -> dict[str, Any]:
    """A row without what is an estimate of the moment that it is read at."""
    return {key: value for key, value in row.items() if not key.startswith("estimated_")}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """One of its own: what other tests left crashed costs a pass a look."""
    server = Server(tmp_path_factory.mktemp("plan-server"))
    try:
        server.start()
        yield server
    finally:
        server.close()


@pytest.fixture(scope="module")
def told(world: World) -> Told:
    """A dry run as a table and for programs, a pass, and a second one."""
    world.start_worker()
    line = Timeline()
    later = occur(world, line.at(50), dips={line.at(62): 100.0}, starting=ENGINE)
    earlier = occur(
        world,
        line.at(80),
        dips={line.at(62): 120.0},
        env={"CARBONAWARE_EARLIER": "PT1H"},
    )
    told = Told(later=later, earlier=earlier)
    told.look()
    done = command(world.server, "plan", "--dry-run")
    assert done.returncode == 0, done.stderr
    told.table = done.stdout
    told.look()
    for arguments in (["--dry-run", "--json"], ["--json"], ["--json"]):
        told.answers.append(document(command(world.server, "plan", *arguments)))
        told.look()
    in_time(later.nominal)
    return told


def _actions(answer: dict[str, Any]) -> Sequence[str]:
    return sorted(run["action"] for run in answer["runs"])


def test_dry_run_shows_a_table(told: Told) -> None:
    """Run, due time, start, intensities, saving and reason; and that it is dry."""
    (line,) = [
        line for line in told.table.splitlines() if told.later.settings["name"] in line
    ]
    heads = ("Deployment", "Run", "Due", "Start", "gCO2/kWh", "Saving", "Why")

    assert all(head in told.table for head in heads)
    assert told.later.run().read()["name"] in line
    assert f"{told.later.nominal:%H:%M}" in line
    assert f"{told.later.start():%H:%M}" in line
    assert "300->100" in line
    assert "-67 %" in line or "67 %" in line
    assert line.endswith("cleaner")
    assert "Dry run, nothing was changed: 2 to move" in told.table


def test_dry_run_changes_nothing(told: Told) -> None:
    """The rows of the server are the same after both dry runs."""
    assert told.rows[0] == told.rows[1] == told.rows[2]
    assert _actions(told.answers[0]) == ["move", "move"]


def test_plan_moves_the_same_runs(told: Told) -> None:
    """Same ids; a plain Scheduled state at the slot, with a sentence that explains it."""
    (later, earlier) = told.rows[3]

    assert [row["id"] for row in told.rows[3]] == [row["id"] for row in told.rows[0]]
    for row in (later, earlier):
        assert (row["state"]["type"], row["state"]["name"]) == ("SCHEDULED", "Scheduled")
        assert row["expected_start_time"] != row["next_scheduled_start_time"]
    slot = scheduled_for(later)
    assert later["state"]["message"] == (
        f"Waiting for cleaner electricity: {slot:%H:%M:%S}-{slot + SECOND:%H:%M:%S} UTC, "
        "300 -> 100 gCO2/kWh (-67 %), zone DE"
    )
    assert "is cleaner" in earlier["state"]["message"]
    assert scheduled_for(earlier) < told.earlier.nominal


def test_plan_leaves_its_record(told: Told) -> None:
    """The labels of the contract, decided by the planner."""
    labels = told.later.run().labels()

    assert labels.keys() >= _LABELS
    assert labels["decided_by"] == "planner"
    assert labels["nominal_start"] == told.later.nominal.isoformat()
    assert labels["slot_start"] == scheduled_for(told.rows[3][0]).isoformat()
    assert (labels["intensity_nominal"], labels["intensity_slot"]) == (300, 100)
    assert labels["saving_percent"] == pytest.approx(66.7)
    assert (labels["zone"], labels["source"], labels["moves"]) == ("DE", "file", 1)


def test_no_process_was_started_to_get_there(told: Told) -> None:
    """After the passes no run has left the Scheduled states, nor has a flow noted any."""
    assert all(row["run_count"] == 0 for row in told.rows[4])
    assert all(start >= told.later.nominal for start in told.later.starts())


def test_second_pass_changes_nothing(told: Told) -> None:
    """The rows stay, and looking costs no more than five calls."""
    assert told.rows[4] == told.rows[3]
    assert _actions(told.answers[2]) == ["keep", "keep"]
    assert told.answers[2]["calls"] <= 5


@pytest.mark.parametrize("which", ["later", "earlier"])
def test_run_starts_at_its_slot(told: Told, which: str) -> None:
    """At the slot, after or before the nominal start, the run starts once, and is done."""
    case: Occurrence = getattr(told, which)
    slot = scheduled_for(told.rows[3][("later", "earlier").index(which)])
    case.run().wait_for("Completed", within=60)

    (start,) = case.starts()
    assert start >= slot - SECOND
    assert (start < case.nominal) == (which == "earlier")
    assert case.run().read()["run_count"] == 1
