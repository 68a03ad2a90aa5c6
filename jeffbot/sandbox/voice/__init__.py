"""The voice gateway, version 8, RTP over UDP, and end-to-end encryption."""
