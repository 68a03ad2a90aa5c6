"""The server's side of end-to-end encryption, with real MLS sessions on the other side, and neither loop nor network."""
