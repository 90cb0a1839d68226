"""What somebody gave of a policy, and who is heard before whom."""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import timedelta
from difflib import get_close_matches
from typing import Any, cast

from pydantic import ValidationError
from typing_extensions import Unpack

from carbonaware_prefect.clouds.places import Place, resolve_place
from carbonaware_prefect.core import Policy
from carbonaware_prefect.errors import InvalidSettingError, UnknownArgumentError
from carbonaware_prefect.policies.fields import (
    DEFAULT_DURATION,
    DEFAULT_WINDOW,
    FIELDS,
    OPTIONS,
    Giver,
    PolicyFields,
    PolicyOptions,
    fields_of,
)
from carbonaware_prefect.policies.models import PolicyModel
from carbonaware_prefect.policies.words import explain, parse_argument, shown

__all__ = [
    "PLACE",
    "GivenPolicy",
    "given_by",
    "given_in",
    "given_in_call",
    "no_such_block",
    "unknown_argument",
]

_LONGEST = 2_000
PLACE = ("provider", "region", "zone")
"""The fields that are taken as a whole."""
_CORE = {field.name for field in dataclasses.fields(Policy)}.intersection(FIELDS) - {"zone"}


@dataclass(frozen=True, slots=True)
class GivenPolicy:
    """The fields that one or several places gave, as values.

    Attributes:
        fields: by the names of the table, as values, or as words until they are
            `parsed`; what was left open is not in it.
    """

    fields: Mapping[str, Any] = dataclasses.field(default_factory=dict)

    def over(self, lower: GivenPolicy) -> GivenPolicy:
        """This, with what it leaves open taken from ``lower``.

        A place is taken as a whole: a region from here goes with no zone from there.
        """
        above = set(self.fields)
        if self.names_a_place():
            above.update(PLACE)
        kept = {name: value for name, value in lower.fields.items() if name not in above}
        return GivenPolicy(kept | dict(self.fields))

    def names_a_place(self) -> bool:
        """Whether it says where the work runs."""
        return any(name in self.fields for name in PLACE)

    def parsed(self) -> GivenPolicy:
        """The same with a value for each word of the settings.

        Raises:
            InvalidSettingError: (a ValueError) names the variable, what it holds and
                what is allowed.
        """
        for name, value in self.fields.items():
            if isinstance(value, str) and len(value) > _LONGEST:
                msg = (
                    f"CARBONAWARE_{name.upper()} has {len(value)} characters; "
                    f"{_LONGEST} at most make sense"
                )
                raise InvalidSettingError(msg)
        try:
            return given_in(PolicyModel.model_validate(dict(self.fields)))
        except ValidationError as error:
            raise InvalidSettingError(explain(error)) from None

    def complete(self) -> PolicyFields:
        """Every field, with the defaults of the table where nothing was given."""
        defaults = {name: field.default for name, field in FIELDS.items()}
        return cast("PolicyFields", defaults | dict(self.fields))

    def place(self) -> Place | None:
        """Where the work runs; None where nothing was given.

        Raises:
            UnknownPlaceError: (a ValueError) no such provider, region or zone.
        """
        return resolve_place(**{name: self.fields.get(name) for name in PLACE})

    def policy(self, zone: str | None = None) -> Policy:
        """The policy that it comes to, in that zone.

        Raises:
            InvalidInputError: (a ValueError) a value that is not allowed.
        """
        values: Mapping[str, Any] = self.complete()
        return Policy(zone=zone, **{name: values[name] for name in _CORE})


def given_in_call(
    window: timedelta = DEFAULT_WINDOW,
    duration: timedelta = DEFAULT_DURATION,
    region: str | None = None,
    provider: str | None = None,
    *,
    source: Any = None,
    **options: Unpack[PolicyOptions],
) -> GivenPolicy:
    """What the arguments of a call give.

    A ``window`` or ``duration`` that is the default *object* counts as left open, so
    that ``CARBONAWARE_WINDOW`` and its like can fill it in; an equal one is given.

    Raises:
        InvalidSettingError: (a ValueError) words that the field does not take.
        UnknownArgumentError: (a TypeError) no argument of that name.
    """
    unknown = [name for name in options if name not in OPTIONS]
    if unknown:
        raise unknown_argument(unknown[0], (*FIELDS,))
    found: dict[str, Any] = {
        "window": None if window is DEFAULT_WINDOW else window,
        "duration": None if duration is DEFAULT_DURATION else duration,
        "region": region,
        "provider": provider,
        "source": source,
        **options,
    }
    values = {
        name: parse_argument(name, value, FIELDS[name].kind)
        if isinstance(value, str)
        else value
        for name, value in found.items()
    }
    return GivenPolicy({k: value for k, value in values.items() if value is not None})


def given_by(giver: Giver, settings: Mapping[str, Any]) -> GivenPolicy:
    """What settings give, in their words; what ``giver`` may not give is passed over.

    Args:
        giver: whose settings they are.
        settings: by the names of the table, or by variables (``CARBONAWARE_WINDOW``).
            Empty ones count as not set.
    """
    allowed = fields_of(giver)
    named = {
        name.upper().removeprefix("CARBONAWARE_").lower(): value
        for name, value in settings.items()
    }
    return GivenPolicy(
        {
            # A number in a variable is a word, in a block it is a value.
            name: value if giver is Giver.BLOCK else str(value)
            for name, value in named.items()
            if name in allowed and value is not None and str(value).strip()
        }
    )


def given_in(model: PolicyModel) -> GivenPolicy:
    """What was set of a model's fields."""
    values = {name: getattr(model, name) for name in model.model_fields_set & FIELDS.keys()}
    return GivenPolicy({k: value for k, value in values.items() if value is not None})


def unknown_argument(name: str, known: Collection[str]) -> UnknownArgumentError:
    """The error for an argument that does not exist, with the nearest that does."""
    near = get_close_matches(name, sorted(known), n=2)
    hint = f"did you mean {' or '.join(near)}?" if near else ""
    hint = hint or f"known are {', '.join(sorted(known))}"
    return UnknownArgumentError(f"there is no argument {name!r}; {hint}")


def no_such_block(name: str) -> InvalidSettingError:
    """The error for a policy that nobody has saved."""
    return InvalidSettingError(
        f"CARBONAWARE_POLICY={shown(name)}: there is no carbon-policy block of that name; "
        "make one in the UI, or with CarbonPolicy(...).save(...)"
    )
