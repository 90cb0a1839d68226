"""What people and programs see in Prefect of a decision: pages, log lines, events."""
