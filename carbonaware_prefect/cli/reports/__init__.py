"""What each command finds out, and how it looks."""
