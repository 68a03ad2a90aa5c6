"""Changes to a dataclass: a form in which every field may be left out, and stays as it is then."""

import dataclasses
from typing import Annotated, Any, Literal, get_type_hints

import msgspec

from ..options import AES_GCM, XCHACHA20

_NARROWER: dict[Any, Any] = {
    float: Annotated[float, msgspec.Meta(ge=0, le=1_000_000)],
    int: Annotated[int, msgspec.Meta(ge=0, le=1_000_000)],
    tuple[str, ...]: tuple[Literal[AES_GCM, XCHACHA20], ...],  # type: ignore[valid-type]  # they are constants
}
"""What options do not take although their types would: JSON comes from anyone."""


def changes_form(kind: Any) -> type[msgspec.Struct]:
    """The form for changes to a dataclass."""
    fields = [(name, _wire(hint) | msgspec.UnsetType, msgspec.UNSET) for name, hint in get_type_hints(kind).items()]
    return msgspec.defstruct(kind.__name__, fields, forbid_unknown_fields=True)


def apply(changes: msgspec.Struct, target: Any) -> None:
    """Set the fields that are filled in."""
    for name, value in msgspec.structs.asdict(changes).items():
        if isinstance(value, msgspec.Struct):
            apply(value, getattr(target, name))
        elif value is not msgspec.UNSET:
            setattr(target, name, value)


def _wire(hint: Any) -> Any:
    return changes_form(hint) if dataclasses.is_dataclass(hint) else _NARROWER.get(hint, hint)
