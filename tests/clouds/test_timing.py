"""Detection is quick, bounded, done once, and in nobody's way."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import pytest

from carbonaware_prefect.clouds.detection import Detector, Surroundings, look_around
from carbonaware_prefect.clouds.findings import Outcome, Step, Verdict
from tests.clouds.fakes import (
    Dripping,
    Ec2,
    Fake,
    FullBacklog,
    Hanging,
    closed_url,
    known,
)

Surround = Callable[..., Surroundings]


@contextmanager
def at_most(seconds: float) -> Iterator[None]:
    """Fail when the block takes longer."""
    start = time.perf_counter()
    yield
    assert time.perf_counter() - start < seconds


def test_where_nobody_listens_it_takes_no_time(surround: Surround) -> None:
    """Refused connections: far below a second."""
    with at_most(0.5):
        detection = look_around(known, surround(closed_url()))
    metadata = [p.outcome for p in detection.probes if p.step is Step.METADATA]
    assert metadata == [Outcome.ABSENT] * 3
    assert detection.verdict is Verdict.NOTHING


def test_where_no_route_leads_it_takes_a_third_of_a_second(surround: Surround) -> None:
    """Connections that are never answered, as on a laptop."""
    with FullBacklog() as url, at_most(0.7):
        detection = look_around(known, surround(url))
    metadata = [p.outcome for p in detection.probes if p.step is Step.METADATA]
    assert metadata == [Outcome.SILENT] * 3


@pytest.mark.parametrize("fake", [Hanging, Dripping])
def test_a_service_that_hangs_is_left_in_time(surround: Surround, fake: type[Fake]) -> None:
    """Whatever it does, detection is over within 1.2 s."""
    with fake() as service, at_most(1.2):
        detection = look_around(known, surround(service.url))
    assert detection.place is None


def test_hanging_tasks_and_services_share_the_time(surround: Surround) -> None:
    """ECS is asked first, and its silence takes nothing from the limit."""
    with Dripping() as service:
        environment = {"ECS_CONTAINER_METADATA_URI_V4": f"{service.url}/v4/abc"}
        with at_most(1.2):
            detection = look_around(known, surround(service.url, environment=environment))
    assert detection.place is None


def test_no_thread_is_left_behind(surround: Surround) -> None:
    """Everything still open is cancelled at the deadline."""
    with Dripping() as service:
        look_around(known, surround(service.url))
        names = [thread.name for thread in threading.enumerate()]
    assert "carbonaware-detect" not in names


@pytest.mark.parametrize("url_of", [closed_url, None], ids=["nowhere", "ec2"])
def test_the_second_time_takes_nothing(
    surround: Surround, url_of: Callable[[], str] | None
) -> None:
    """Found or not, it is remembered, and nobody is asked again."""
    with Ec2() as service:
        detector = Detector(surround(url_of() if url_of else service.url))
        first = detector.detect(known)
        asked = len(service.asked)
        with at_most(0.005):
            second = detector.detect(known)
    assert second is first
    assert len(service.asked) == asked


def test_many_threads_look_once(surround: Surround) -> None:
    """Sixteen callers at once cause one detection."""
    with Ec2() as service:
        detector = Detector(surround(service.url))
        with ThreadPoolExecutor(16) as pool:
            found = list(pool.map(lambda _: detector.detect(known), range(16)))
    assert {each.place for each in found} == {("aws", "eu-central-1")}
    assert sum(asked.method == "PUT" for asked in service.asked) == 1


def test_it_works_inside_a_running_loop(surround: Surround) -> None:
    """An async flow may call it."""

    async def flow() -> object:
        return look_around(known, around).place

    with Ec2() as service:
        around = surround(service.url)
        assert asyncio.run(flow()) == ("aws", "eu-central-1")


SCRIPT = """
import sys, time
from pathlib import Path
from carbonaware_prefect.clouds.detection import Surroundings, look_around
url = sys.argv[1]
around = Surroundings(
    environment={}, dmi_root=Path("/nowhere"), aws_url=url, azure_url=url, gcp_url=url
)
look_around(lambda provider, region: True, around)
print(time.monotonic())
"""


def test_the_interpreter_can_exit(surround: Surround) -> None:
    """A service that hangs does not hold the process at its end."""
    with Dripping() as service:
        done = subprocess.run(
            [sys.executable, "-c", SCRIPT, service.url],
            capture_output=True,
            text=True,
            check=True,
            timeout=20,
        )
        ended = time.monotonic()
    assert ended - float(done.stdout) < 1
    assert done.stderr == ""


ONCE = """
import time
from carbonaware_prefect.clouds.detection import where_am_i
known = lambda provider, region: True
first = where_am_i(known)
start = time.perf_counter()
assert where_am_i(known) is first
assert time.perf_counter() - start < 0.005
"""


def test_a_process_remembers() -> None:
    """The public function looks once; Lambda's variables keep it off the network here."""
    subprocess.run(
        [sys.executable, "-c", ONCE],
        env={
            "PATH": "",
            "PYTHONPATH": ":".join(sys.path),
            "AWS_LAMBDA_FUNCTION_NAME": "f",
            "AWS_REGION": "us-west-2",
        },
        check=True,
        timeout=20,
    )
