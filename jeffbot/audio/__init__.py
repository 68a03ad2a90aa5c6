"""From files to Opus packets."""
