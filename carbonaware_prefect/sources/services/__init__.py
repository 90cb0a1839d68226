"""One module for each forecast API."""
