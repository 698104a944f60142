"""Chat templates: the jinja programs with which models publish how a conversation is written.

They come with foreign models, so they run in the sandbox that ``transformers`` uses for them, with
the same settings: one blank more or less is another prompt.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Never

import jinja2
import jinja2.ext
from jinja2 import nodes
from jinja2.parser import Parser
from jinja2.sandbox import ImmutableSandboxedEnvironment

from cra_pipeline.errors import ModelError


class _Generation(jinja2.ext.Extension):
    """The tag ``generation`` marks an answer; the text is the same without it."""

    tags = {"generation"}  # noqa: RUF012  # declared so by the engine

    def parse(self, parser: Parser) -> list[nodes.Node]:
        next(parser.stream)
        return parser.parse_statements(("name:endgeneration",), drop_needle=True)


class ChatTemplate:
    """One template, compiled once."""

    def __init__(self, source: str, *, where: str) -> None:
        """Compile it.

        Args:
            source: Its text.
            where: Names it in errors.

        Raises:
            ModelError: It is no template.
        """
        self._where = where
        try:
            self._template = _environment().from_string(source)
        except jinja2.TemplateError as error:
            raise ModelError(f"{where}: no chat template: {error}") from error

    def render(
        self,
        messages: Sequence[Mapping[str, str]],
        *,
        opened: bool,
        variables: Mapping[str, object],
    ) -> str:
        """Write a conversation.

        Args:
            messages: Roles and contents, in order.
            opened: Whether the assistant's next turn is opened behind them.
            variables: Special tokens by name, and what else the template asks for.

        Raises:
            ModelError: The template refuses it, such as for a role that it does not know.
        """
        asked = {"tools": None, "documents": None, **variables}
        try:
            return self._template.render(
                messages=list(messages), add_generation_prompt=opened, **asked
            )
        except (jinja2.TemplateError, TypeError, ValueError) as error:
            raise ModelError(f"{self._where}: refuses the conversation: {error}") from error


def _environment() -> ImmutableSandboxedEnvironment:
    environment = ImmutableSandboxedEnvironment(
        trim_blocks=True,
        lstrip_blocks=True,
        extensions=[_Generation, jinja2.ext.loopcontrols],
    )
    environment.filters["tojson"] = _tojson
    environment.globals["raise_exception"] = _refuse
    environment.globals["strftime_now"] = _no_clock
    return environment


def _tojson(
    value: object,
    ensure_ascii: bool = False,  # noqa: FBT001, FBT002  # templates give it by place
    indent: int | None = None,
    separators: tuple[str, str] | None = None,
    sort_keys: bool = False,  # noqa: FBT001, FBT002  # templates give it by place
) -> str:
    # The filter of the engine escapes what would be markup in a page.
    return json.dumps(
        value,
        ensure_ascii=ensure_ascii,
        indent=indent,
        separators=separators,
        sort_keys=sort_keys,
    )


def _refuse(message: str) -> Never:
    raise jinja2.TemplateError(message)


def _no_clock(form: str) -> Never:
    raise jinja2.TemplateError(
        f"it writes today's date ({form}): a prompt of tomorrow would be another one; give the "
        "date as a variable that the template asks for, such as date_string"
    )
