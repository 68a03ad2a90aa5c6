"""Verbs: functions that can be called with JSON. A function's signature is its form, its docstring its manual."""

import inspect
import re
from collections.abc import Callable
from typing import Any

import msgspec

from .arguments import found, wire_type
from .control import Control

type Json = dict[str, Any]


class Verb:
    """One thing that can be asked for.

    Args:
        function: May be a coroutine; its name is the verb's. Parameters of type ``Control`` are no part of the form.
    """

    def __init__(self, function: Callable[..., Any]) -> None:
        self.name = function.__name__
        self._function = function
        parameters = inspect.signature(function).parameters.values()
        self._parameters = [parameter for parameter in parameters if parameter.annotation is not Control]
        self._context = [parameter.name for parameter in parameters if parameter.annotation is Control]
        self._form = _form(self.name, self._parameters)

    @property
    def manual(self) -> Json:
        """What it does, what it gives back, and its parameters as a JSON Schema."""
        does, _, returns = inspect.cleandoc(self._function.__doc__ or "").partition("Returns:")
        return {
            "verb": self.name,
            "does": _flowing(does),
            "gives": _flowing(returns) or "An empty object.",
            "parameters": _schema(self._form),
        }

    async def call(self, control: Control, request: Any) -> Any:
        """Do it.

        Returns:
            What the function has returned; an empty object for None.

        Raises:
            msgspec.ValidationError: The request is not as the form says.
            RefusedError: It names what there is not.
            SandboxError: Discord, or a person's client, would not do it.
            TimeoutError: What was waited for did not happen.
        """
        filled = msgspec.convert(request, self._form)
        arguments = {
            parameter.name: found(control, parameter.annotation, value)
            for parameter in self._parameters
            if (value := getattr(filled, parameter.name)) is not msgspec.UNSET
        }
        result = self._function(**arguments, **dict.fromkeys(self._context, control))
        if inspect.isawaitable(result):
            result = await result
        return {} if result is None else result


def _form(name: str, parameters: list[inspect.Parameter]) -> type[msgspec.Struct]:
    """What a request must look like; what may be left out is unset, and the function's own default holds."""
    fields: list[Any] = []
    for parameter in parameters:
        wire = wire_type(parameter.annotation)
        if parameter.default is parameter.empty:
            fields.append((parameter.name, wire))
        else:
            fields.append((parameter.name, wire | msgspec.UnsetType, msgspec.UNSET))
    return msgspec.defstruct(name, fields, forbid_unknown_fields=True, kw_only=True)


def _schema(form: type[msgspec.Struct]) -> Json:
    """JSON Schema, draft 2020-12."""
    _, components = msgspec.json.schema_components([form], ref_template="#/$defs/{name}")
    own: Json = components.pop(form.__name__)
    return own | ({"$defs": components} if components else {})


def _flowing(text: str) -> str:
    """A paragraph of a docstring as one line."""
    return re.sub(r"\s+", " ", text).replace("``", "").strip()
