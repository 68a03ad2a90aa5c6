"""The server's side of end-to-end encryption, with real MLS sessions opposite, and without a loop or a network."""
