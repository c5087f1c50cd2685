"""AWS: queue, messages to people, secrets."""
