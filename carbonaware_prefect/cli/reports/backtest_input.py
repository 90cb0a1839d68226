"""What ``carbonaware-prefect backtest`` is asked: files, schedule and policy, as values."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, time, timedelta, timezone, tzinfo
from pathlib import Path
from typing import Any

from carbonaware_prefect.cli.failing import moment_of
from carbonaware_prefect.core import Forecast, Interval
from carbonaware_prefect.core.accounting.trial_runs import TrialPolicy
from carbonaware_prefect.core.cron import Cron
from carbonaware_prefect.core.hours import OfficeHours
from carbonaware_prefect.core.intervals import far_from_the_ends, to_utc
from carbonaware_prefect.errors import InvalidInputError, InvalidSettingError
from carbonaware_prefect.policies.fields import FIELDS
from carbonaware_prefect.policies.given import GivenPolicy
from carbonaware_prefect.policies.words import NotNegative, parse_argument, parse_bound
from carbonaware_prefect.settings import Settings

__all__ = ["Asked", "due_times", "known_after", "trial_policy"]

_DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_OFFICE = re.compile(
    r"(?P<days>[a-z, -]+?)\s+(?P<opens>\d{1,2}:\d\d)(?:\s*-\s*(?P<closes>\d{1,2}:\d\d))?",
    re.ASCII,
)
_UNUSED = datetime(1970, 1, 1, tzinfo=timezone.utc)
_DATE = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What the options say, in their words; None where they say nothing.

    Attributes:
        words: of the policy, by the names of its fields.
    """

    trace: Path
    schedule: str
    forecasts: Path | None = None
    zone: str | None = None
    durations: tuple[str, ...] = ()
    finish_by: str | None = None
    since: str | None = None
    until: str | None = None
    known_after: str | None = None
    interrupted: bool = False
    in_order: bool = False
    words: Mapping[str, str | None]


def trial_policy(asked: Asked, settings: Settings, zone: str | None) -> TrialPolicy:
    """The policy of the options over that of the environment, for the runs of a zone.

    Raises:
        InvalidInputError: (a ValueError) a word that is not allowed; names its option.
    """
    given: dict[str, Any] = {
        name: _value(name, words)
        for name, words in asked.words.items()
        if words is not None
    }
    durations = tuple(_value("duration", words) for words in asked.durations)
    done_by = None
    if asked.finish_by is not None:
        done_by = _office_hours(asked.finish_by)
        if done_by is None:
            given["finish_by"] = _finish_by(asked.finish_by)
    everything = GivenPolicy(given).over(settings.given())
    policy = everything.policy(zone)
    if done_by is not None:
        policy = replace(policy, finish_by=None)
    return TrialPolicy(
        policy=policy,
        time_zone=policy.time_zone or timezone.utc,
        durations=durations or None,
        done_by=done_by,
        windowed=done_by is None or "window" in everything.fields,
        in_order=asked.in_order,
    )


def _value(name: str, words: str) -> Any:
    return parse_argument(f"--{name.replace('_', '-')}", words, FIELDS[name].kind)


def _finish_by(words: str) -> time | timedelta:
    try:
        return parse_bound(words)
    except InvalidSettingError as error:
        msg = f"--finish-by: {error}, or days and hours, e.g. 'mon-fri 09:00'"
        raise InvalidSettingError(msg) from None


def _office_hours(words: str) -> OfficeHours | None:
    """Of ``mon-fri 09:00`` or ``mon,thu 09:00-17:00``; None of anything else."""
    found = _OFFICE.fullmatch(words.strip().lower())
    if found is None:
        return None
    try:
        opens, closes = (
            None if part is None else time.fromisoformat(part.zfill(5))
            for part in (found["opens"], found["closes"])
        )
        days = frozenset(day for part in found["days"].split(",") for day in _days(part))
        return None if opens is None else OfficeHours(days, opens, closes)
    except InvalidInputError as error:
        msg = f"--finish-by: {error}"
    except ValueError:
        msg = (
            f"--finish-by: {words[:80]!r} names no days and hours; write e.g. "
            "'mon-fri 09:00', 'mon,thu 09:00' or 'mon-fri 09:00-17:00'"
        )
    raise InvalidSettingError(msg)


def _days(part: str) -> list[int]:
    ends = [_DAYS.index(end.strip()) for end in part.split("-")]
    first, last = ends[0], ends[-1]
    if len(ends) > 2 or first > last:  # noqa: PLR2004  both ends
        raise ValueError
    return list(range(first, last + 1))


def known_after(asked: Asked) -> timedelta:
    """How long after its issue time a forecast can be had.

    Raises:
        InvalidSettingError: (a ValueError) no duration.
    """
    if asked.known_after is None:
        return timedelta(0)
    found: timedelta = parse_argument("--known-after", asked.known_after, NotNegative)
    return found


def due_times(asked: Asked, actual: Forecast, zone: tzinfo) -> list[datetime]:
    """When runs are due within the trace and the bounds asked for (UTC).

    Raises:
        InvalidInputError: (a ValueError) no schedule, no times, or no due time in them.
    """
    schedule = Cron.parse(asked.schedule)
    if not (far_from_the_ends(actual.start) and far_from_the_ends(actual.end)):
        msg = (
            f"the trace covers {actual.start.isoformat()} to {actual.end.isoformat()}; "
            "give intensities that came true"
        )
        raise InvalidInputError(msg)
    since = max(actual.start, _edge(asked.since, "--since", zone) or actual.start)
    until = min(actual.end, _edge(asked.until, "--until", zone) or actual.end)
    dues = schedule.between(Interval(since, until), zone) if since < until else []
    if not dues:
        msg = (
            f"no run of {asked.schedule!r} is due between {since.isoformat()} and "
            f"{until.isoformat()}; the trace covers {actual.start.isoformat()} to "
            f"{actual.end.isoformat()}"
        )
        raise InvalidInputError(msg)
    return dues


def _edge(words: str | None, option: str, zone: tzinfo) -> datetime | None:
    """A date, by the schedule's clock, or a time with an offset."""
    if words is None:
        return None
    if _DATE.fullmatch(words.strip()):
        try:
            return datetime.combine(
                datetime.fromisoformat(words.strip()).date(), time(0), zone
            ).astimezone(timezone.utc)
        except (ValueError, OverflowError):
            msg = f"{option}: {words!r} is no date; write e.g. 2020-01-01"
            raise InvalidSettingError(msg) from None
    return to_utc(moment_of(words, option, _UNUSED), option)
