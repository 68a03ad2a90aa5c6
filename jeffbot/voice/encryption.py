"""The end-to-end encryption of Nextcord's voice client, repaired (Discord: Voice Connections, "DAVE Protocol")."""

import asyncio
import contextlib
from typing import Any

import nextcord
from nextcord.voice_client import E2EEState

from ..models import Seconds

type VocalChannel = nextcord.VoiceChannel | nextcord.StageChannel

NEW_GROUP_EPOCH = 1
"""The epoch with which op 24 announces a new MLS group."""
AUDIBLE_TIMEOUT: Seconds = 2.0
"""How long a first sound waits for end-to-end encryption before it plays all the same."""


class EncryptedVoiceClient(nextcord.VoiceClient):
    """A voice client that knows whether those in the channel can decrypt what it sends."""

    def __init__(self, client: nextcord.Client, channel: Any) -> None:
        super().__init__(client, channel)
        self.dave_version = 0
        """The version of end-to-end encryption that the channel demands; 0: none."""
        self.epoch = 0
        """How many keys of end-to-end encryption there have been."""
        self._audible = asyncio.Event()
        self._waited = False
        """Nobody is there to agree on a key with, or they have had AUDIBLE_TIMEOUT for it."""

    @property
    def place(self) -> VocalChannel | None:
        """The voice channel it is in; Nextcord may have lost sight of it."""
        channel: Any = self.channel
        return channel if isinstance(channel, nextcord.VoiceChannel | nextcord.StageChannel) else None

    async def wait_audible(self, timeout: Seconds) -> bool:
        """Wait until packets can be encrypted as the channel demands; False when that takes longer.

        What is sent earlier goes out in clear, and end-to-end encrypted listeners drop it.
        """
        if not self._audible.is_set() and not self.listeners:
            return True  # there is nobody to agree on a key with
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(timeout):
                await self._audible.wait()
        return self._audible.is_set()

    @property
    def listeners(self) -> int:
        """How many others are in the channel, as far as either gateway has told."""
        told = self.e2ee_state._recognised_users if self.e2ee_state else set()
        seen = self.place.voice_states if self.place else {}
        return len({*told, *seen} - {self.user.id})

    @property
    def encrypted(self) -> bool:
        """Whether what it sends is end-to-end encrypted."""
        return self.dave_version > 0 and self.e2ee_state is not None and self.e2ee_state.can_encrypt()

    @property
    def decryptable(self) -> bool:
        """Whether those who listen have the key, if there is to be one."""
        return self._audible.is_set() or self.listeners == 0

    def make_encryptor(self) -> None:
        """Have an encryptor, if without a key yet; also in a channel that begins without encryption."""
        import dave  # noqa: PLC0415 - a host without it is told so before any voice is joined

        if self.e2ee_state and self.e2ee_state._encryptor is None:
            encryptor = self.e2ee_state._encryptor = dave.Encryptor()
            encryptor.assign_ssrc_to_codec(self.ssrc, dave.Codec.opus)

    def note_encryption(self) -> None:
        """Look again whether packets can be encrypted as the channel demands."""
        state = self.e2ee_state
        if self.dave_version == 0 or state is None or state.can_encrypt():
            self._audible.set()
        else:
            self._audible.clear()

    async def join_new_group(self) -> None:
        """Answer op 24: a new MLS group is being made; send a key package for it.

        The old key stays in use until the transition to the new group is executed; those announced for the old group
        are void.
        """
        state, version = self.e2ee_state, self.dave_version
        if state is None or version == 0:
            return
        self.make_encryptor()
        state._prepared_transitions.clear()
        await state.prepare_epoch(NEW_GROUP_EPOCH, version)

    async def wait_once(self) -> None:
        """Give those in the channel AUDIBLE_TIMEOUT to agree on a key; afterwards packets go out without."""
        await self.wait_audible(AUDIBLE_TIMEOUT)
        self._waited = True

    @property
    def may_send(self) -> bool:
        """Whether packets can be encrypted as the channel demands, or have waited long enough for that."""
        return self._audible.is_set() or self._waited

    def encrypt(self, frame: bytes) -> bytes:
        """An Opus frame, end-to-end encrypted where there is a key."""
        state = self.e2ee_state
        sealed = state.encrypt(frame) if state and state.can_encrypt() else None
        return frame if sealed is None else sealed

    def forget_group(self) -> None:
        """Another voice server has another MLS group."""
        self._audible.clear()
        self._waited = False
        if self.ws:
            self.e2ee_state, self.dave_version = E2EEState(self) if self.e2ee_state else None, 0
