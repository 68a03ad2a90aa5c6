"""What a token lets its bearer do (the claim ``scope``: RFC 8693, section 4.2)."""

import enum
from collections.abc import Iterable


class Scope(enum.StrEnum):
    """One right of a token."""

    READ = "read"
    """See what there is and what happens."""
    PLAY = "play"
    """Press."""
    MANAGE = "manage"
    """Look after sounds and settings, as far as their user may."""
    ADMIN = "admin"
    """All that, in every guild."""


SEED_SCOPES = frozenset({Scope.READ, Scope.PLAY})
"""Those of a token that names none, as tokens did at first."""

_IMPLIED = {
    Scope.READ: frozenset({Scope.READ}),
    Scope.PLAY: frozenset({Scope.PLAY, Scope.READ}),
    Scope.MANAGE: frozenset({Scope.MANAGE, Scope.READ}),
    Scope.ADMIN: frozenset(Scope),
}


def implied(scopes: Iterable[Scope]) -> frozenset[Scope]:
    """These and all that they bring with them."""
    return frozenset[Scope]().union(*(_IMPLIED[scope] for scope in scopes))


def written(scopes: Iterable[Scope]) -> str:
    """The claim that carries them."""
    chosen = frozenset(scopes)
    return " ".join(scope for scope in Scope if scope in chosen)


def read(claim: str) -> frozenset[Scope]:
    """Those that a claim carries, without what they imply; words that we do not know are passed over."""
    words = frozenset(claim.split(" "))
    return frozenset(scope for scope in Scope if scope in words)


def chosen(words: Iterable[str]) -> frozenset[Scope]:
    """Those that someone typed, each word one or several with commas between them; none: those of the seed.

    Raises:
        ValueError: There is no such scope.
    """
    names = [name.strip() for word in words for name in word.split(",")]
    if unknown := [name for name in names if name not in tuple(Scope)]:
        raise ValueError(f"there is no scope {unknown[0]!r}; there are {', '.join(Scope)}")
    return frozenset(map(Scope, names)) or SEED_SCOPES
