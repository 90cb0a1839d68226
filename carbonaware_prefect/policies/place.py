"""Where the work runs: as somebody gave it, else as the surroundings show."""

from __future__ import annotations

from carbonaware_prefect.clouds.detection import where_am_i
from carbonaware_prefect.clouds.findings import Detection
from carbonaware_prefect.clouds.places import Place, resolve_place
from carbonaware_prefect.errors import UnknownPlaceError
from carbonaware_prefect.policies.given import GivenPolicy

__all__ = ["find_place"]


def find_place(
    given: GivenPolicy, *, detect: bool = True
) -> tuple[Place | None, Detection | None]:
    """The place that was given, else the detected one.

    Args:
        given: what the call and the environment give together.
        detect: whether to look for a cloud where they give no place.

    Returns:
        The place, None when nobody can tell; and what detection found, None when there
        was no need of it.

    Raises:
        UnknownPlaceError: (a ValueError) a place was given that is unknown.
    """
    place = given.place()
    if place is not None or not detect:
        return place, None
    detection = where_am_i(_in_the_map)
    if detection.place is None:
        return None, detection
    provider, region = detection.place
    return resolve_place(provider=provider, region=region), detection


def _in_the_map(provider: str, region: str) -> bool:
    try:
        return resolve_place(provider=provider, region=region) is not None
    except UnknownPlaceError:
        return False
