"""The voice gateway's opcodes (Discord: Opcodes and Status Codes, "Voice Opcodes")."""

import enum


class Op(enum.IntEnum):
    """Those of text messages; those of binary ones are the business of end-to-end encryption."""

    IDENTIFY = 0
    SELECT_PROTOCOL = 1
    READY = 2
    HEARTBEAT = 3
    SESSION_DESCRIPTION = 4
    SPEAKING = 5
    HEARTBEAT_ACK = 6
    RESUME = 7
    HELLO = 8
    RESUMED = 9
    CLIENTS_CONNECT = 11
    CLIENT_DISCONNECT = 13
    DAVE_TRANSITION_READY = 23
    DAVE_INVALID_COMMIT_WELCOME = 31
