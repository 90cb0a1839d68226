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

from carbonaware_prefect.errors import InvalidSettingError
from carbonaware_prefect.policies.fields import Giver
from carbonaware_prefect.policies.given import given_by, no_such_block
from carbonaware_prefect.policies.words import parse_time_zone
from carbonaware_prefect.prefect_edge.flow_runs import brief_client
from carbonaware_prefect.settings import Settings

__all__ = ["read_settings", "time_zone_of"]


def read_settings(warn: Callable[[str], None]) -> Settings:
    """The environment's settings, over those of the block in ``CARBONAWARE_POLICY``.

    Args:
        warn: takes a sentence when the block cannot be read; the environment alone
            holds then.

    Raises:
        InvalidSettingError: (a ValueError) a variable or the block says what is not
            allowed, or there is no such block.
    """
    own = Settings.read()
    given = own.given()
    name = given.complete()["policy"]
    if name is None:
        return own
    try:
        with brief_client() as client:
            data = client.read_block_document_by_name(
                name, "carbon-policy", include_secrets=False
            ).data
    except ObjectNotFound:
        raise no_such_block(name) from None
    except (httpx.HTTPError, OSError) as error:
        warn(f"Could not read the policy block {name!r}: {error}")
        return own
    try:
        return own.giving(given.over(given_by(Giver.BLOCK, data)).parsed())
    except InvalidSettingError as error:
        msg = f"the policy block {name!r}: {error}"
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
