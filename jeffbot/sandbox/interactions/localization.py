"""Names and descriptions of commands in a person's language (Discord: Application Commands, "Localization")."""

from typing import Any

from ..world.payloads import Json

_FALLBACKS = {"en-US": "en-GB", "en-GB": "en-US", "es-419": "es-ES"}
"""Application Commands, "Locale fallbacks"."""


def translated(part: Json, field: str, locale: str) -> str | None:
    """The ``name`` or ``description`` of a command, option or choice in a language; None: there is no translation."""
    translations: dict[str, str] = part.get(f"{field}_localizations") or {}
    return translations.get(locale) or translations.get(_FALLBACKS.get(locale, ""))


def shown_name(part: Json, locale: str) -> str:
    """What a person reads."""
    return translated(part, "name", locale) or str(part["name"])


def is_called(part: Json, name: str, locale: str) -> bool:
    """Whether this is the name of a command or option, by default or in a person's language."""
    return name in (part["name"], translated(part, "name", locale))


def in_one_language(part: Json, locale: str) -> Json:
    """A command, option or choice as lists show it ("Retrieving localized commands"): without its dictionaries."""
    shown: dict[str, Any] = {key: value for key, value in part.items() if not key.endswith("_localizations")}
    for field in ("name", "description"):
        if translation := translated(part, field, locale):
            shown[f"{field}_localized"] = translation
    for nested in ("options", "choices"):
        if nested in part:
            shown[nested] = [in_one_language(inner, locale) for inner in part[nested] or []]
    return shown
