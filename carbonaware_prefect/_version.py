"""The version, read by the build and by `carbonaware_prefect.__version__`."""

__version__ = "0.2.0"
