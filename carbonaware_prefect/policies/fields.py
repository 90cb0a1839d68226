"""The fields of a policy: the one table that every door, setting and page is read from.

A row is a line of one of the three sections below: the name, the type that a call may
give, and a `PolicyField`. From it come the variable ``CARBONAWARE_<NAME>``, the
argument of the calls, what a deployment, a pool or a block may give, the table of
docs/settings.md and the docstrings. A field that has the name of one of
`carbonaware_prefect.core.Policy` goes there by itself.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import time, timedelta, tzinfo
from enum import Flag, auto
from typing import Annotated, Any, get_type_hints

from typing_extensions import TypedDict

from carbonaware_prefect.core import Hours
from carbonaware_prefect.policies.words import (
    Count,
    FreeHours,
    NotNegative,
    Positive,
    Power,
    Share,
    Text,
    TimeBound,
    TimeZone,
)

__all__ = [
    "DEFAULT_DURATION",
    "DEFAULT_MINIMUM_WAIT",
    "DEFAULT_WINDOW",
    "FIELDS",
    "OPTIONS",
    "Giver",
    "PolicyField",
    "PolicyFields",
    "PolicyOptions",
    "fields_of",
]

DEFAULT_WINDOW = timedelta(hours=6)
DEFAULT_DURATION = timedelta(minutes=30)
DEFAULT_MINIMUM_WAIT = timedelta(minutes=2)


class Giver(Flag):
    """Who may give a field."""

    CALL = auto()
    """An argument of the delay task, the decorator, `carbonaware_delay`."""
    ENVIRONMENT = auto()
    """A variable of the process that decides."""
    DEPLOYMENT = auto()
    """A variable in the ``job_variables`` of a deployment or of a run."""
    POOL = auto()
    """A variable in the base job template of a work pool."""
    BLOCK = auto()
    """A ``carbon-policy`` block."""


_PLACES = Giver.ENVIRONMENT | Giver.DEPLOYMENT | Giver.POOL
_ALL = _PLACES | Giver.BLOCK | Giver.CALL


@dataclass(frozen=True, slots=True)
class PolicyField:
    """What there is to know about one field besides its name.

    Attributes:
        kind: what a setting of it is, as pydantic reads it: type, parser, range.
        default: what holds where nobody gives it; None or empty for no bound.
        givers: who may give it.
        doc: one line for people.
        absent: the default in words.
    """

    kind: Any
    default: Any
    givers: Giver
    doc: str
    absent: str = "none"


class FirstFields(TypedDict, total=False):
    """What the calls name one by one: those of the older package, and the source."""

    window: Annotated[
        timedelta,
        PolicyField(
            Positive, DEFAULT_WINDOW, _ALL, "longest wait; bounds the start", "6 h"
        ),
    ]
    duration: Annotated[
        timedelta,
        PolicyField(
            Positive, DEFAULT_DURATION, _ALL, "expected run time of the work", "30 min"
        ),
    ]
    region: Annotated[
        str | None,
        PolicyField(Text, None, _ALL, "the provider's name of the region"),
    ]
    provider: Annotated[
        str | None, PolicyField(Text, None, _ALL, "`aws`, `azure` or `gcp`")
    ]
    source: Annotated[
        str | None,
        PolicyField(
            Text,
            None,
            _ALL,
            "names of sources, `auto`, `typical`, `file:PATH`",
            "`typical`; `auto` with credentials",
        ),
    ]


class PolicyOptions(TypedDict, total=False):
    """What every call takes by name; left out or None, the environment decides."""

    zone: Annotated[
        str | None,
        PolicyField(Text, None, _ALL, "grid zone, `DE`; wins over provider and region"),
    ]
    minimum_wait: Annotated[
        timedelta | None,
        PolicyField(
            NotNegative,
            DEFAULT_MINIMUM_WAIT,
            _ALL,
            "a nearer slot is waited for in process; may be zero",
            "2 min",
        ),
    ]
    latest_start: Annotated[
        str | time | timedelta | None,
        PolicyField(
            TimeBound,
            None,
            _ALL,
            "last allowed start: a time of day, `05:00`, or a time from the due time, `5h`",
        ),
    ]
    finish_by: Annotated[
        str | time | timedelta | None,
        PolicyField(
            TimeBound,
            None,
            _ALL,
            "when the run has to have ended, likewise: `07:00` or `8h`",
        ),
    ]
    not_between: Annotated[
        str | tuple[Hours, ...] | None,
        PolicyField(
            FreeHours,
            (),
            _ALL,
            "hours of every day that runs keep free, `08:00-18:00`; several with commas",
        ),
    ]
    time_zone: Annotated[
        str | tzinfo | None,
        PolicyField(
            TimeZone,
            None,
            _ALL,
            "of the times of day, `Europe/Berlin`",
            "the schedule's, else UTC",
        ),
    ]
    minimum_saving: Annotated[
        float | None,
        PolicyField(
            Share,
            None,
            _ALL,
            "the least saving that is worth a wait, `0.02` or `2%`",
            "what the forecast says of itself, else 0.02",
        ),
    ]


class SettingFields(TypedDict, total=False):
    """What only settings and blocks give."""

    earlier: Annotated[
        timedelta,
        PolicyField(
            NotNegative,
            timedelta(0),
            _PLACES | Giver.BLOCK,
            "how long before its due time a run may start (planner)",
        ),
    ]
    policy: Annotated[
        str | None,
        PolicyField(Text, None, _PLACES, "name of a `carbon-policy` block"),
    ]
    replan_gain: Annotated[
        float,
        PolicyField(
            Share,
            0.05,
            _PLACES,
            "the least further saving that is worth a second move (planner)",
            "0.05",
        ),
    ]
    max_moves: Annotated[
        int,
        PolicyField(Count, 4, _PLACES, "how often one run may be moved (planner)", "4"),
    ]
    freeze: Annotated[
        timedelta,
        PolicyField(
            NotNegative,
            timedelta(minutes=10),
            _PLACES,
            "a run that starts so soon is left alone (planner)",
            "10 min",
        ),
    ]
    overtake: Annotated[
        bool,
        PolicyField(
            bool,
            False,
            _PLACES | Giver.BLOCK,
            "whether a run may start after the next run of its schedule is due",
            "`false`",
        ),
    ]
    power: Annotated[
        float | None,
        PolicyField(
            Power,
            None,
            _PLACES,
            "what the work draws, `400W` or `1.2kW`; for the grams of reports",
        ),
    ]
    allow_typical: Annotated[
        bool,
        PolicyField(bool, True, _PLACES, "whether `auto` ends in typical days", "`true`"),
    ]


class PolicyFields(FirstFields, PolicyOptions, SettingFields, total=False):
    """All of them."""


def _read(section: type) -> dict[str, PolicyField]:
    return {
        name: hint.__metadata__[0]
        for name, hint in get_type_hints(section, include_extras=True).items()
    }


FIELDS: Mapping[str, PolicyField] = _read(PolicyFields)
"""The table, by name."""
OPTIONS: Mapping[str, PolicyField] = _read(PolicyOptions)
"""The part of it that the calls take by name."""


def fields_of(giver: Giver) -> frozenset[str]:
    """The names of what that one may give."""
    return frozenset(name for name, field in FIELDS.items() if giver in field.givers)
