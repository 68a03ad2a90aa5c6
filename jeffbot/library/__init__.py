"""Which sounds exist."""
