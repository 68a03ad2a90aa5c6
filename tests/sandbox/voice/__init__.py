"""Voice: its gateway, UDP, and what is heard."""
