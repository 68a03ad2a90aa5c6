"""One voice channel in which a bot is: who is in it, and what each hears."""

import asyncio
from collections.abc import Iterator

from ..findings import Findings, Kind
from ..options import Options
from ..world.payloads import Json
from ..world.values import Channel, ChannelType, User
from .connections import VoiceConnection
from .dave import Decrypted, Group, How, Listener
from .opcodes import Op
from .rtp import Opened, Packet, Protection

KEY_PATIENCE = 1.0
"""How long, in seconds, a client may take to send with the keys of a change; Discord names no number."""
_PROTECTION = {
    How.ENCRYPTED: Protection.ENCRYPTED,
    How.CLEAR: Protection.CLEAR,
    How.UNDECRYPTABLE: Protection.UNDECRYPTABLE,
}


class Call:
    """A voice channel in which a bot is: the group of those who encrypt end to end, and its listeners' ears."""

    def __init__(self, channel: Channel, options: Options, findings: Findings) -> None:
        self.channel = channel
        self.connections: dict[int, VoiceConnection] = {}
        """By the bot's id; also those that have lost their WebSocket and may resume."""
        self.listeners: dict[int, Listener] = {}
        """By the person's id."""
        self._findings = findings
        version = 0 if channel.kind is ChannelType.STAGE else options.dave_version
        self._call_later, self._delay = asyncio.get_running_loop().call_later, options.listener_delay
        self.group = Group(channel.id, self._call_later, self._note, max_version=version)
        for user in channel.occupants:
            if not user.bot:
                self.add_listener(user)

    def add_listener(self, user: User) -> None:
        """A person comes."""
        self._tell_others(user.id, Op.CLIENTS_CONNECT, {"user_ids": [str(user.id)]})
        listener = Listener(user.id, self.group, self._call_later, delay=self._delay)
        self.listeners[user.id] = listener
        listener.join()

    def add_connection(self, voice: VoiceConnection) -> None:
        """A bot has its session description, and is told of the others."""
        if user_ids := [str(user.id) for user in self.channel.occupants if user.id != voice.user_id]:
            voice.send(Op.CLIENTS_CONNECT, {"user_ids": user_ids})
        self._tell_others(voice.user_id, Op.CLIENTS_CONNECT, {"user_ids": [str(voice.user_id)]})
        self.connections[voice.user_id] = voice
        self.group.join(voice)

    def remove(self, user_id: int) -> None:
        """Someone goes."""
        self._tell_others(user_id, Op.CLIENT_DISCONNECT, {"user_id": str(user_id)})
        self.connections.pop(user_id, None)
        if listener := self.listeners.pop(user_id, None):
            listener.leave()
        else:
            self.group.leave(user_id)

    def close(self) -> None:
        """The last bot has gone."""
        self.group.close()
        for listener in self.listeners.values():
            listener.close()

    def speak(self, voice: VoiceConnection) -> None:
        """Tell other bots that one speaks."""
        self._tell_others(
            voice.user_id, Op.SPEAKING, {"user_id": str(voice.user_id), "ssrc": voice.ssrc, "speaking": voice.speaking}
        )

    def hear(self, voice: VoiceConnection, arrived: float, opened: Opened) -> Packet:
        """Have every listener hear a packet, and say what became of it."""
        frame = opened.frame
        if frame is None:
            return Packet(arrived, opened.sequence, opened.timestamp, None, Protection.BROKEN)
        heard = {user_id: listener.decrypt(voice.user_id, frame) for user_id, listener in self._hearing(voice)}
        self._look_for_old_keys(voice, arrived, heard)
        opus, protection = None, Protection.UNHEARD
        for each in heard.values():
            if each.opus is not None or opus is None:
                protection, opus = _PROTECTION[each.how], each.opus
        return Packet(arrived, opened.sequence, opened.timestamp, opus, protection)

    def _hearing(self, voice: VoiceConnection) -> Iterator[tuple[int, Listener]]:
        """Those to whom Discord forwards what this bot sends."""
        for user_id, listener in self.listeners.items() if voice.may_be_heard else ():
            state = self.channel.guild.voice_states.get(user_id)
            if state and not (state.deaf or state.self_deaf):
                yield user_id, listener

    def _look_for_old_keys(self, voice: VoiceConnection, arrived: float, heard: dict[int, Decrypted]) -> None:
        """Some listeners keep old keys for a while, so that one packet is heard is not all."""
        ways = {each.how for each in heard.values()}
        patience = KEY_PATIENCE + self._delay
        if How.ENCRYPTED not in ways or not self.group.settled or arrived - self.group.changed_at < patience:
            return
        if self.group.version == 0:
            self._note(voice.user_id, "goes on encrypting after the call has ended encryption (op 22)")
        elif How.UNDECRYPTABLE in ways:
            members = [heard[user_id].how for user_id in self.group.member_ids if user_id in heard]
            if deaf := members.count(How.UNDECRYPTABLE):
                self._note(
                    voice.user_id, f"has not changed keys (op 22): {deaf} of {len(heard)} listeners cannot decrypt"
                )

    def _tell_others(self, user_id: int, op: int, data: Json) -> None:
        for other in self.connections.values():
            if other.user_id != user_id:
                other.send(op, data)

    def _note(self, user_id: int, text: str) -> None:
        if voice := self.connections.get(user_id):
            self._findings.note(Kind.DAVE, voice.user.name, text)
