"""Waiting for clients, but not for ever."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from .participant import CallLater, Note, Op, Timer

PATIENCE = 2.0
"""Seconds that the voice gateway waits for members to be ready: "roughly two" (protocol.md, "Member Remove")."""


class Deadline:
    """Something that happens unless it is called off in time.

    Args:
        call_later: The clock.
        patience: Seconds.
        do: What happens.
    """

    def __init__(self, call_later: CallLater, patience: float, do: Callable[[], None]) -> None:
        self._call_later = call_later
        self._patience = patience
        self._do = do
        self._timer: Timer | None = None

    def start(self) -> None:
        """From now on time runs, be it anew."""
        self.cancel()
        self._timer = self._call_later(self._patience, self._do)

    def cancel(self) -> None:
        """Call it off."""
        if self._timer:
            self._timer.cancel()
            self._timer = None


@dataclass(slots=True)
class Debt:
    """How many messages of one kind a client owes, and how long they may take."""

    timer: Timer
    count: int = 1


class Expectations:
    """What each client owes: one that takes too long is noted, and no longer waited for.

    Args:
        call_later: The clock.
        patience: Seconds.
        note: Told of who did not answer.
    """

    def __init__(self, call_later: CallLater, patience: float, note: Note) -> None:
        self._call_later = call_later
        self._patience = patience
        self._note = note
        self._debts: dict[tuple[int, Op], Debt] = {}

    def expect(self, user_id: int, op: Op) -> None:
        """One more of these is owed; it may take as long as the first."""
        if debt := self._debts.get((user_id, op)):
            debt.count += 1
        else:
            timer = self._call_later(self._patience, lambda: self._give_up(user_id, op))
            self._debts[user_id, op] = Debt(timer)

    def met(self, user_id: int, op: Op) -> bool:
        """One came; gives back whether it is the last that was owed."""
        debt = self._debts.get((user_id, op))
        if debt and debt.count > 1:
            debt.count -= 1
            return False
        self.forget(user_id, op)
        return True

    def forget(self, user_id: int, op: Op) -> None:
        """None of these is owed any more."""
        if debt := self._debts.pop((user_id, op), None):
            debt.timer.cancel()

    def forget_all(self, user_id: int) -> None:
        """This user owes nothing."""
        for user, op in [key for key in self._debts if key[0] == user_id]:
            self.forget(user, op)

    def close(self) -> None:
        """Nobody owes anything."""
        for user_id, op in list(self._debts):
            self.forget(user_id, op)

    def _give_up(self, user_id: int, op: Op) -> None:
        del self._debts[user_id, op]
        what = op.name.lower().replace("_", " ")
        self._note(user_id, f"sent no {what} (op {op}) within {self._patience:g} s")


@dataclass(eq=False, slots=True)
class Transition:
    """A change of the keys, or of the protocol version, that all make at once."""

    id: int
    version: int
    users: list[int]
    waiting: set[int]
    timer: Timer | None = None


class Transitions:
    """Those that are announced but not executed (protocol.md, "Protocol Version Changes").

    Args:
        call_later: The clock.
        patience: Seconds until one is executed without those who are not ready.
        note: Told of those.
        execute: Called with a transition whose time has come.
    """

    def __init__(
        self, call_later: CallLater, patience: float, note: Note, execute: Callable[[Transition], None]
    ) -> None:
        self._call_later = call_later
        self._patience = patience
        self._note = note
        self._execute = execute
        self._last_id = 0
        self._pending: dict[int, Transition] = {}

    @property
    def pending(self) -> bool:
        """Whether there is one."""
        return bool(self._pending)

    def begin(self, version: int, users: Iterable[int]) -> int:
        """Await these users' op 23; gives back the ID, from 1 to 65535 (``uint16`` in ops 29 and 30; 0 is special)."""
        self._last_id = self._last_id % 0xFFFF + 1
        transition = Transition(self._last_id, version, list(users), set(users))
        self._pending[transition.id] = transition
        transition.timer = self._call_later(
            self._patience if transition.users else 0, lambda: self._give_up(transition)
        )
        return transition.id

    def ready(self, user_id: int, transition_id: int) -> None:
        """A user is ready, or need not be waited for."""
        if transition := self._pending.get(transition_id):
            transition.waiting.discard(user_id)
            if not transition.waiting:
                self._finish(transition)

    def forget(self, user_id: int) -> None:
        """A user takes part in none any more."""
        for transition in list(self._pending.values()):
            if user_id in transition.users:
                transition.users.remove(user_id)
                self.ready(user_id, transition.id)

    def cancel(self) -> None:
        """None of them will be executed."""
        for transition in self._pending.values():
            if transition.timer:
                transition.timer.cancel()
        self._pending.clear()

    def _give_up(self, transition: Transition) -> None:
        for user_id in sorted(transition.waiting):
            self._note(user_id, f"was not ready for transition {transition.id} (op 23) within {self._patience:g} s")
        self._finish(transition)

    def _finish(self, transition: Transition) -> None:
        if transition.timer:
            transition.timer.cancel()
        del self._pending[transition.id]
        self._execute(transition)
