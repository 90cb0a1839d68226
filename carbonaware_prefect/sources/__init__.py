"""Forecast sources: an HTTP answer, a file or a table in; a Forecast out."""
