"""What detection says: what was looked at, what was found, and the place, if any."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from enum import Enum
from typing import NamedTuple

__all__ = [
    "AWS",
    "AZURE",
    "GCP",
    "CloudRegion",
    "Detection",
    "Known",
    "Outcome",
    "Probe",
    "Step",
    "Verdict",
    "checked",
    "settle",
]

AWS, AZURE, GCP = "aws", "azure", "gcp"

Known = Callable[[str, str], bool]
"""Whether a (provider, region) is in the region map."""


class CloudRegion(NamedTuple):
    """A region of a cloud provider, both as the cloud itself spells them."""

    provider: str
    region: str


class Step(str, Enum):
    """Which kind of place was looked at."""

    ENVIRONMENT = "environment"
    HARDWARE = "hardware"
    METADATA = "metadata"


class Outcome(str, Enum):
    """What a probe came to. The values are a stable contract."""

    FOUND = "found"
    """Proof of a provider, and of a region where one is given."""
    UNKNOWN_REGION = "unknown_region"
    """Proof of a provider, with a region that is not in the region map."""
    HINT = "hint"
    """Points at a provider, but proves nothing."""
    UNPROVEN = "unproven"
    """Something answered that is not the cloud asked for."""
    ABSENT = "absent"
    """Nothing is there."""
    SILENT = "silent"
    """No answer in the time allowed."""
    SKIPPED = "skipped"
    """Not asked; the detail says why."""


class Verdict(str, Enum):
    """Why there is a place, or none. The values are a stable contract."""

    FOUND = "found"
    NOTHING = "nothing"
    NO_REGION = "no_region"
    UNKNOWN_REGION = "unknown_region"
    OTHER_CLOUD = "other_cloud"
    CONTRADICTION = "contradiction"


@dataclass(frozen=True, slots=True, kw_only=True)
class Probe:
    """One thing that was looked at, and what it came to.

    Nothing in it is copied from an answer except a provider, a region and an
    availability zone that have the form of one: no token, no account, no body.
    """

    step: Step
    asked: str
    outcome: Outcome
    detail: str
    provider: str | None = None
    region: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Detection:
    """Where this process runs, as far as it can be proven.

    Attributes:
        place: provider and region, in the region map; None when nobody can tell.
        verdict: why, as a stable code.
        sentence: why, in words.
        probes: everything looked at, in order.
    """

    place: CloudRegion | None
    verdict: Verdict
    sentence: str
    probes: tuple[Probe, ...]


def checked(probe: Probe, known: Known) -> Probe:
    """``probe``, marked as unknown when the region it found is not in the map."""
    if probe.outcome is not Outcome.FOUND or None in (probe.provider, probe.region):
        return probe
    if known(probe.provider or "", probe.region or ""):
        return probe
    detail = f"{probe.detail}; that region is not in the region map"
    return replace(probe, outcome=Outcome.UNKNOWN_REGION, detail=detail)


def settle(probes: Iterable[Probe]) -> Detection:
    """What the probes prove together; contradicting ones prove nothing."""
    probes = tuple(probes)
    proofs = [p for p in probes if p.outcome in {Outcome.FOUND, Outcome.UNKNOWN_REGION}]
    providers = sorted({p.provider for p in proofs if p.provider})
    regions = sorted({p.region for p in proofs if p.region})
    if len(providers) > 1 or len(regions) > 1:
        told = ", ".join(_name(p) for p in proofs)
        return _nowhere(
            Verdict.CONTRADICTION,
            f"the findings contradict one another ({told}), so none is believed",
            probes,
        )
    if not providers:
        return _nowhere(Verdict.NOTHING, "no sign of AWS, Azure or Google Cloud", probes)
    provider = providers[0]
    if provider not in {AWS, AZURE, GCP}:
        return _nowhere(
            Verdict.OTHER_CLOUD,
            f"this is {provider}; only AWS, Azure and Google Cloud are detected",
            probes,
        )
    if not regions:
        return _nowhere(
            Verdict.NO_REGION, f"this is {provider}, but it did not tell its region", probes
        )
    place = CloudRegion(provider, regions[0])
    by = next(p for p in proofs if p.region)
    if by.outcome is Outcome.UNKNOWN_REGION:
        return _nowhere(
            Verdict.UNKNOWN_REGION,
            f"this is {provider} {place.region}, which is not in the region map",
            probes,
        )
    return Detection(
        place=place,
        verdict=Verdict.FOUND,
        sentence=f"this is {provider} {place.region}: {by.detail}",
        probes=probes,
    )


def _name(probe: Probe) -> str:
    place = " ".join(part for part in (probe.provider, probe.region) if part)
    return f"{place} by {probe.asked}"


def _nowhere(verdict: Verdict, why: str, probes: tuple[Probe, ...]) -> Detection:
    remedy = "CARBONAWARE_ZONE, or CARBONAWARE_PROVIDER and CARBONAWARE_REGION, can say it"
    return Detection(
        place=None, verdict=verdict, sentence=f"{why}; {remedy}", probes=probes
    )
