"""Changes to a dataclass: a form in which every field may be left out, and stays as it is then."""

import dataclasses
from typing import Any, get_type_hints

import msgspec


def changes_form(kind: Any) -> type[msgspec.Struct]:
    """The form for changes to a dataclass."""
    hints = get_type_hints(kind, include_extras=True)
    own = [(each.name, hints[each.name]) for each in dataclasses.fields(kind)]
    fields = [(name, _wire(hint) | msgspec.UnsetType, msgspec.UNSET) for name, hint in own]
    return msgspec.defstruct(kind.__name__, fields, forbid_unknown_fields=True)


def apply(changes: msgspec.Struct, target: Any) -> None:
    """Set the fields that are filled in."""
    for name, value in msgspec.structs.asdict(changes).items():
        if isinstance(value, msgspec.Struct):
            apply(value, getattr(target, name))
        elif value is not msgspec.UNSET:
            setattr(target, name, value)


def _wire(hint: Any) -> Any:
    return changes_form(hint) if dataclasses.is_dataclass(hint) else hint
