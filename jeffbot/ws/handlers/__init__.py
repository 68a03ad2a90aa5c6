"""What each action of the remote control does: from a request to the service, and back to a reply."""
