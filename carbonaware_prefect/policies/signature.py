"""The table's fields where people look for arguments: signature and docstring."""

from __future__ import annotations

import inspect
import textwrap
from collections.abc import Callable
from typing import TypeVar, get_type_hints

from carbonaware_prefect.policies.fields import OPTIONS, PolicyOptions

__all__ = ["shows_options"]

F = TypeVar("F", bound=Callable[..., object])
_LINE = 92
_MARK = "**options:"


def shows_options(*, others: str | None = None) -> Callable[[F], F]:
    """A decorator for a function that takes ``**options: Unpack[PolicyOptions]``.

    Type checkers see the options in that; this tells `inspect.signature` and `help`.

    Args:
        others: name of the keywords that the function takes besides, if it does.
    """

    def show(function: F) -> F:
        signature = inspect.signature(function)
        kept = [
            parameter
            for parameter in signature.parameters.values()
            if parameter.kind is not parameter.VAR_KEYWORD
        ]
        options = [
            inspect.Parameter(
                name, inspect.Parameter.KEYWORD_ONLY, default=None, annotation=hint
            )
            for name, hint in get_type_hints(PolicyOptions).items()
        ]
        rest = (
            []
            if others is None
            else [inspect.Parameter(others, inspect.Parameter.VAR_KEYWORD)]
        )
        vars(function)["__signature__"] = signature.replace(
            parameters=[*kept, *options, *rest]
        )
        function.__doc__ = _with_options(function.__doc__ or "")
        return function

    return show


def _with_options(docstring: str) -> str:
    before, mark, after = docstring.partition(_MARK)
    indent = before.rpartition("\n")[2]
    lines = [
        textwrap.fill(
            f"{name}: {field.doc}; by default {field.absent}.",
            _LINE,
            initial_indent=indent if number else "",
            subsequent_indent=f"{indent}    ",
        )
        for number, (name, field) in enumerate(OPTIONS.items())
    ]
    return "\n".join([before + lines[0], *lines[1:], f"{indent}{mark}{after}"])
