"""The remote control: WebSocket messages in, calls of the service, replies out."""
