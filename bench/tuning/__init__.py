"""The search for a target's fastest settings."""
