"""The table of policy fields as pydantic models: settings, and the policy block."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any, get_args

from pydantic import BaseModel, ConfigDict, Field, create_model

from carbonaware_prefect.policies.fields import FIELDS, Giver, PolicyField, fields_of

__all__ = ["BlockModel", "PolicyModel"]


def _setting(field: PolicyField) -> tuple[Any, Any]:
    kind = field.kind if field.default is not None else field.kind | None
    return kind, Field(default=field.default, description=field.doc)


def _of_block(field: PolicyField) -> tuple[Any, Any]:
    """Numbers and durations as such; all else is kept in the words of the settings."""
    base: Any = get_args(field.kind)[0] if get_args(field.kind) else field.kind
    if base not in {timedelta, float, int, bool}:
        kind, default = str | None, None
    else:
        kind, default = (base if field.default is not None else base | None), field.default
    doc = field.doc.replace("`", "")
    return kind, Field(default=default, description=f"{doc[0].upper()}{doc[1:]}.")


if TYPE_CHECKING:
    # A model that is made while the program runs has no type; its fields are read by
    # name, through `Settings.policy_fields` and `GivenPolicy`.
    class PolicyModel(BaseModel):
        """Every field, read from words."""

    class BlockModel(BaseModel):
        """The fields that a block may give."""
else:
    PolicyModel = create_model(
        "PolicyModel",
        __config__=ConfigDict(extra="ignore", frozen=True),
        __doc__="Every field, read from words.",
        **{name: _setting(field) for name, field in FIELDS.items()},
    )
    BlockModel = create_model(
        "BlockModel",
        __doc__="The fields that a block may give.",
        **{
            name: _of_block(field)
            for name, field in FIELDS.items()
            if name in fields_of(Giver.BLOCK)
        },
    )
