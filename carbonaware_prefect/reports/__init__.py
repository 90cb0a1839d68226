"""Runs read back: what was forecast for them, and what happened."""
