"""Forecasts as pictures: in a terminal, and as SVG. Pure: text out, nothing printed."""
