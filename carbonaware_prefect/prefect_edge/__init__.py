"""All of Prefect that is private or raw."""
