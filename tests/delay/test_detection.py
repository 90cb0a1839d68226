"""Where nobody names a place, the cloud we run in does; and when it is not asked.

The environment of these tests proves a cloud by itself (App Service, Lambda), so that
nothing is asked on any network.
"""

from __future__ import annotations

import json
import logging
import os
import subprocess
import sys
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest

import carbonaware_prefect
from carbonaware_prefect.core import Forecast, Reason
from carbonaware_prefect.delay.choice import choose
from carbonaware_prefect.policies.given import GivenPolicy, given_in_call
from carbonaware_prefect.policies.place import find_place

NOON = datetime(2026, 7, 1, 12, tzinfo=timezone.utc)
ROOT = str(Path(carbonaware_prefect.__file__).parents[1])
LAMBDA = {
    "AWS_LAMBDA_FUNCTION_NAME": "nightly",
    "AWS_EXECUTION_ENV": "AWS_Lambda_python3.12",
    "AWS_LAMBDA_RUNTIME_API": "127.0.0.1:9001",
    "LAMBDA_TASK_ROOT": "/var/task",
    "AWS_REGION": "eu-central-1",
}
# Each child remembers its own detection, so each is a process of its own.
CHILD = """
import json, logging, sys
logging.basicConfig(level=logging.INFO, stream=sys.stderr)
from carbonaware_prefect import carbonaware_delay
from datetime import timedelta
decision = carbonaware_delay(timedelta(microseconds=1), **json.loads(sys.argv[1]))
print(json.dumps([decision.request.zone, decision.reason.value, decision.sentence]))
"""


def child(environment: dict[str, str], **said: str) -> tuple[str | None, str, str, str]:
    """Zone, reason, sentence and log of a decision in a process of its own."""
    kept = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    done = subprocess.run(
        [sys.executable, "-c", CHILD, json.dumps(said)],
        env=kept | {"PYTHONPATH": ROOT} | environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    zone, reason, sentence = json.loads(done.stdout)
    return zone, reason, sentence, done.stderr


def test_a_proven_cloud_names_the_place() -> None:
    """In a Lambda function the region's zone is used, and the log says how we know."""
    zone, reason, _, log = child(LAMBDA)

    assert zone == "DE"
    # Which of them depends on the time of day.
    assert reason in {"cleanest_now", "cleaner_slot", "saving_too_small"}
    assert "aws eu-central-1" in log
    assert "zone DE" in log


def test_what_somebody_said_wins() -> None:
    """A place in the call or in the environment leaves detection unasked."""
    assert child(LAMBDA, zone="PL")[0] == "PL"
    zone, _, _, log = child(LAMBDA | {"CARBONAWARE_ZONE": "FR"})
    assert zone == "FR"
    assert "eu-central-1" not in log


def test_detection_can_be_switched_off() -> None:
    """CARBONAWARE_DETECT=0 means no place, and the sentence says why and what to set."""
    zone, reason, sentence, _ = child(LAMBDA | {"CARBONAWARE_DETECT": "0"})

    assert (zone, reason) == (None, "no_place")
    assert "switched off" in sentence
    assert "CARBONAWARE_ZONE" in sentence


def test_an_unknown_region_is_no_place() -> None:
    """A proven cloud in a region that is not in the map is no place."""
    zone, reason, sentence, _ = child(LAMBDA | {"AWS_REGION": "eu-central-99"})

    assert (zone, reason) == (None, "no_place")
    assert "eu-central-99" in sentence
    assert sentence.count("CARBONAWARE_ZONE") == 1


def test_a_source_that_knows_its_place_needs_no_detection(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """With a fixed forecast nothing is looked for, even where detection is allowed."""
    monkeypatch.setenv("CARBONAWARE_DETECT", "1")
    for name, value in LAMBDA.items():
        monkeypatch.setenv(name, value)
    forecast = Forecast.from_points([(NOON, 200)], end=NOON + timedelta(days=1))
    told: list[str] = []
    decision = choose(given_in_call(source=forecast), due=NOON, now=NOON, log=told.append)

    assert decision.reason is Reason.CLEANEST_NOW
    assert decision.request.zone is None
    assert told == []


def test_find_place_says_where_and_how() -> None:
    """A place that was said comes without a detection; with none allowed there is none."""
    place, detection = find_place(given_in_call(region="us-central1"), detect=False)
    assert place is not None
    assert (place.provider, place.zone, detection) == ("gcp", "US-MIDW-MISO", None)
    assert find_place(GivenPolicy(), detect=False) == (None, None)


def test_failures_are_logged_as_warnings(caplog: pytest.LogCaptureFixture) -> None:
    """A decision that had to pass over a source is a warning in the log."""
    from dataclasses import replace

    from carbonaware_prefect.delay.in_process import log_decision

    forecast = Forecast.from_points([(NOON, 200)], end=NOON + timedelta(days=1))
    decision = choose(given_in_call(source=forecast), due=NOON, now=NOON)
    log_decision(logging.getLogger("test"), replace(decision, failures=("a: down",)))

    assert caplog.records[-1].levelname == "WARNING"
