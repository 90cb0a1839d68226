"""The bounded exchange with a server, and the rules for reading what it answers."""
