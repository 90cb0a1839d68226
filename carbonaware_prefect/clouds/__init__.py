"""Clouds: which grid zone a cloud region draws its power from."""
