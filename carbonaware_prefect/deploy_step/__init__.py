"""What ``prefect deploy`` can use of this package; see ``steps``."""
