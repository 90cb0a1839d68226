"""What holds for the flow run that this process executes, as far as Prefect knows it.

The environment over the policy block that it names, and the time zone of the schedule.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import tzinfo
from typing import Any

import httpx
from prefect.client.schemas.objects import FlowRun
from prefect.exceptions import ObjectNotFound
from pydantic import ValidationError

from carbonaware_prefect.errors import InvalidSettingError
from carbonaware_prefect.policies.block import fields_below, no_such_block
from carbonaware_prefect.prefect_edge.flow_runs import brief_client
from carbonaware_prefect.settings import Settings, explain, parse_time_zone

__all__ = ["read_settings", "time_zone_of"]


def read_settings(tell: Callable[[str], None]) -> Settings:
    """The environment's settings, over those of the block in ``CARBONAWARE_POLICY``.

    Args:
        tell: takes a sentence when the block cannot be read; the environment alone
            holds then.

    Raises:
        InvalidSettingError: (a ValueError) a variable or the block says what is not
            allowed, or there is no such block.
    """
    own = Settings.read()
    if own.policy is None:
        return own
    try:
        with brief_client() as client:
            data = client.read_block_document_by_name(
                own.policy, "carbon-policy", include_secrets=False
            ).data
    except ObjectNotFound:
        raise no_such_block(own.policy) from None
    except (httpx.HTTPError, OSError) as error:
        tell(f"Could not read the policy block {own.policy!r}: {error}")
        return own
    try:
        return Settings(**fields_below(data, own.model_fields_set))
    except ValidationError as error:
        msg = f"the policy block {own.policy!r}: {explain(error)}"
        raise InvalidSettingError(msg) from None


def time_zone_of(flow_run: FlowRun | None) -> tzinfo | None:
    """The time zone of the schedule that made a run, else of its deployment's first one.

    None where there is none, or it cannot be read: times of day are UTC then.
    """
    if flow_run is None or flow_run.deployment_id is None:
        return None
    try:
        with brief_client() as client:
            schedules = client.read_deployment(flow_run.deployment_id).schedules
    except (ObjectNotFound, httpx.HTTPError, OSError):
        return None
    made_by: Any = flow_run.created_by
    mine = [each for each in schedules if made_by is not None and each.id == made_by.id]
    names = [getattr(each.schedule, "timezone", None) for each in [*mine, *schedules]]
    known = [name for name in names if name]
    try:
        return parse_time_zone(known[0]) if known else None
    except ValueError:
        return None
