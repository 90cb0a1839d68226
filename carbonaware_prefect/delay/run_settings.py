"""What holds for the flow run that this process executes, as far as Prefect knows it.

The environment over the policy block that it names.
"""

from __future__ import annotations

from collections.abc import Callable

import httpx
from prefect.exceptions import ObjectNotFound

from carbonaware_prefect.errors import InvalidSettingError
from carbonaware_prefect.policies.fields import Giver
from carbonaware_prefect.policies.given import given_by, no_such_block
from carbonaware_prefect.prefect_edge.flow_runs import brief_client
from carbonaware_prefect.settings import Settings

__all__ = ["read_settings"]


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
