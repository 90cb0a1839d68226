"""Where am I: the cloud provider and region that this process runs in, if it can be proven.

    >>> from carbonaware_prefect.clouds.detection import where_am_i
    >>> where_am_i(known).place                                      # doctest: +SKIP
    CloudRegion(provider='aws', region='eu-central-1')

Variables of the environment first, then the firmware, both without network; where these
don't decide, the metadata services, all at once and within a second. What the user said
in ``CARBONAWARE_*`` comes before all of it and is the caller's business.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

from carbonaware_prefect.clouds.dmi import DMI_ROOT, read_fields, recognise
from carbonaware_prefect.clouds.environment import (
    fallback_clues,
    metadata_url,
    read_clues,
    task_metadata_url,
)
from carbonaware_prefect.clouds.findings import (
    AWS,
    AZURE,
    GCP,
    Detection,
    Known,
    Outcome,
    Probe,
    Step,
    Verdict,
    checked,
    settle,
)
from carbonaware_prefect.clouds.metadata import Service, ask
from carbonaware_prefect.clouds.proofs import (
    Conversation,
    ask_aws,
    ask_azure,
    ask_ecs,
    ask_gcp,
)

__all__ = ["Detector", "Surroundings", "look_around", "where_am_i"]

_LINK_LOCAL = "http://169.254.169.254"
_ASKED = {AWS: "EC2 metadata", AZURE: "Azure metadata", GCP: "Google metadata"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """Everything that detection looks at; the defaults are this process and machine.

    Attributes:
        environment: environment variables.
        dmi_root: folder of the firmware's fields.
        aws_url, azure_url, gcp_url: base URLs of the metadata services.
        budget: time for all metadata services together.
    """

    environment: Mapping[str, str] = field(
        default_factory=lambda: dict(os.environ), repr=False
    )
    dmi_root: Path = DMI_ROOT
    aws_url: str = _LINK_LOCAL
    azure_url: str = _LINK_LOCAL
    gcp_url: str = _LINK_LOCAL
    budget: timedelta = timedelta(seconds=1)


def look_around(known: Known, surroundings: Surroundings | None = None) -> Detection:
    """What can be proven now, without memory; `where_am_i` remembers.

    Args:
        known: whether a (provider, region) is in the region map.
        surroundings: what to look at; by default this process and this machine.
    """
    around = surroundings or Surroundings()
    deadline = time.monotonic() + around.budget.total_seconds()
    hardware = recognise(read_fields(around.dmi_root))
    probes = [checked(p, known) for p in [*read_clues(around.environment), *hardware]]
    detection = settle(probes)
    if detection.verdict not in {Verdict.NOTHING, Verdict.NO_REGION}:
        return detection
    machines = frozenset(p.provider for p in hardware if p.provider)
    probes += [checked(p, known) for p in _ask_metadata(around, machines, deadline)]
    detection = settle(probes)
    if detection.verdict in {Verdict.NOTHING, Verdict.NO_REGION}:
        clues = fallback_clues(around.environment, machines)
        detection = settle([*probes, *(checked(p, known) for p in clues)])
    return detection


def _ask_metadata(
    around: Surroundings, machines: frozenset[str], deadline: float
) -> list[Probe]:
    probes = []
    task_url = task_metadata_url(around.environment)
    if task_url is not None:
        silent = _silent(AWS, "ECS task metadata")
        task = Service(url=task_url, conversation=ask_ecs(), silent=silent)
        probes += ask([task], deadline - time.monotonic())
        if probes[0].outcome is Outcome.FOUND:
            return probes
    conversations: dict[str, tuple[str, Conversation]] = {
        AWS: (around.aws_url, ask_aws(on_ec2=AWS in machines)),
        AZURE: (around.azure_url, ask_azure()),
        GCP: (around.gcp_url, ask_gcp()),
    }
    services = []
    for provider, (default, conversation) in conversations.items():
        if machines and provider not in machines:
            probes.append(_skipped(provider, "the firmware names another provider"))
            continue
        url = metadata_url(around.environment, provider, default)
        if url is None:
            probes.append(_skipped(provider, "an environment variable forbids it"))
            continue
        silent = _silent(provider, _ASKED[provider])
        services.append(Service(url=url, conversation=conversation, silent=silent))
    return probes + ask(services, deadline - time.monotonic())


def _silent(provider: str, asked: str) -> Probe:
    return Probe(
        step=Step.METADATA,
        asked=asked,
        outcome=Outcome.SILENT,
        detail="no complete answer in the time allowed",
        provider=provider,
    )


def _skipped(provider: str, why: str) -> Probe:
    return Probe(
        step=Step.METADATA,
        asked=_ASKED[provider],
        outcome=Outcome.SKIPPED,
        detail=f"not asked: {why}",
        provider=provider,
    )


class Detector:
    """Looks around once and remembers, whatever the outcome, for any number of threads."""

    def __init__(self, surroundings: Surroundings | None = None) -> None:
        self._surroundings = surroundings
        self._lock = threading.Lock()
        self._detection: Detection | None = None

    def detect(self, known: Known) -> Detection:
        """The one detection; the first caller's ``known`` counts."""
        if self._detection is not None:
            return self._detection
        # Bounded: a process forked while another thread looked around inherits the lock
        # and nobody who would release it.
        locked = self._lock.acquire(timeout=2)
        try:
            if self._detection is None:
                self._detection = look_around(known, self._surroundings)
            return self._detection
        finally:
            if locked:
                self._lock.release()


_THIS_PROCESS = Detector()


def where_am_i(known: Known) -> Detection:
    """Where this process runs, looked up once and remembered.

    It never guesses and never raises on what it meets: without proof, or with two
    contradicting ones, there is no place. Off any cloud the first call takes up to a
    second, every further one microseconds.

    Args:
        known: whether a (provider, region) is in the region map.
    """
    return _THIS_PROCESS.detect(known)
