"""`carbonaware-prefect plan`, from the command line to the runs' starts at their slots."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import pytest

from tests.prefect_server.process import Process
from tests.prefect_server.world import World
from tests.server.planner.occurrences import (
    ENGINE,
    HOUR,
    MINUTE,
    SECOND,
    Occurrence,
    in_whole_minutes,
    occur,
    scheduled_for,
    start_worker,
    wait_until_done,
)
from tests.server.planner.passes import command
from tests.warm import python

_LABELS = {
    "nominal_start", "slot_start", "decided_at", "decided_by", "reason", "zone", "source",
    "signal", "intensity_nominal", "intensity_slot", "saving_percent", "moves",
}  # fmt: skip


@dataclass(kw_only=True)
class Told:
    """Four commands in a row, and the rows of the server after each of them.

    Attributes:
        later, earlier: two runs whose slots lie after and before their nominal starts.
        slot: of both.
        table: the first answer; the others are for programs.
        answers: of a dry run, a pass in a process of its own, and a second pass.
    """

    later: Occurrence
    earlier: Occurrence
    slot: datetime
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
def told(world: World) -> Told:
    """A dry run as a table and for programs, a pass, and a second one."""
    start_worker(world, quiet=False)
    server = world.server
    slot = in_whole_minutes(server.now() + 6 * HOUR)
    told = Told(
        later=occur(world, slot - 2 * HOUR, dips={slot: 100.0}, starting=ENGINE),
        earlier=occur(
            world, slot + 2 * HOUR, dips={slot: 120.0}, env={"CARBONAWARE_EARLIER": "PT4H"}
        ),
        slot=slot,
    )
    told.look()
    told.table = command(server, "plan", "--dry-run", COLUMNS="250").out
    told.look()
    told.answers.append(command(server, "plan", "--dry-run", "--json").json)
    told.look()
    told.answers.append(_in_a_process(world, "plan", "--json"))
    told.look()
    told.answers.append(command(server, "plan", "--json").json)
    told.look()
    server.clock.move_to(told.later.nominal + MINUTE)
    wait_until_done(world)
    server.clock.move_to(slot)
    wait_until_done(world)
    return told


def _in_a_process(world: World, *arguments: str) -> dict[str, Any]:
    done = Process(
        [python(), "-m", "carbonaware_prefect", *arguments],
        world.server.environment(),
        world.folder / "plan.log",
    )
    assert done.popen.wait() == 0, done.output()
    answer: dict[str, Any] = json.loads(done.output())
    return answer


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
    assert f"{told.slot:%H:%M}" in line
    assert "300->100" in line
    assert "67 %" in line
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
        assert scheduled_for(row) == told.slot
    assert later["state"]["message"] == (
        f"Waiting for cleaner electricity: {told.slot:%H:%M}-"
        f"{told.slot + 30 * MINUTE:%H:%M} UTC, 300 -> 100 gCO2/kWh (-67 %), zone DE"
    )
    assert "is cleaner" in earlier["state"]["message"]


def test_plan_leaves_its_record(told: Told) -> None:
    """The labels of the contract, decided by the planner."""
    labels = told.later.run().labels()

    assert labels.keys() >= _LABELS
    assert labels["decided_by"] == "planner"
    assert labels["nominal_start"] == told.later.nominal.isoformat()
    assert labels["slot_start"] == told.slot.isoformat()
    assert (labels["intensity_nominal"], labels["intensity_slot"]) == (300, 100)
    assert labels["saving_percent"] == pytest.approx(66.7)
    assert (labels["zone"], labels["source"], labels["moves"]) == ("DE", "file", 1)


def test_second_pass_changes_nothing(told: Told) -> None:
    """The rows stay, and looking costs no more than five calls."""
    assert told.rows[4] == told.rows[3]
    assert _actions(told.answers[2]) == ["keep", "keep"]
    assert told.answers[2]["calls"] <= 5


@pytest.mark.parametrize("which", ["later", "earlier"])
def test_run_starts_at_its_slot(told: Told, which: str) -> None:
    """At the slot, after or before the nominal start, the run starts once, and is done."""
    case: Occurrence = getattr(told, which)
    (start,) = case.starts()

    assert case.events() == ["start", "work"]
    assert start >= told.slot - SECOND
    assert case.run().state() == "Completed"
    # No process was started to get there.
    assert case.run().read()["run_count"] == 1
