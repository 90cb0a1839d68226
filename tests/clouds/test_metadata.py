"""Asking several services at once."""

from __future__ import annotations

from carbonaware_prefect.clouds.findings import Outcome, Probe, Step
from carbonaware_prefect.clouds.metadata import Service, ask
from carbonaware_prefect.clouds.proofs import Conversation, Request, ask_aws
from tests.clouds.fakes import Ec2

SILENT = Probe(
    step=Step.METADATA, asked="a service", outcome=Outcome.SILENT, detail="silent"
)


def broken() -> Conversation:
    """A conversation with a mistake in it."""
    yield Request(path="/")
    raise ZeroDivisionError


def test_one_failure_leaves_the_other_answers() -> None:
    """Not even a mistake of our own costs more than its own probe."""
    with Ec2() as ec2:
        services = [
            Service(url=ec2.url, conversation=broken(), silent=SILENT),
            Service(url=ec2.url, conversation=ask_aws(), silent=SILENT),
        ]
        failed, found = ask(services, 1)
    assert failed.outcome is Outcome.SKIPPED
    assert failed.detail == "could not be asked: ZeroDivisionError"
    assert found.region == "eu-central-1"


def test_without_time_nobody_is_asked() -> None:
    """A deadline that has passed."""
    with Ec2() as ec2:
        service = Service(url=ec2.url, conversation=ask_aws(), silent=SILENT)
        assert ask([service], 0) == [SILENT]
    assert ec2.asked == []
