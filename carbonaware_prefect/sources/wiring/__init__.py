"""Which source answers: the catalogue, chains, live sources, names of zones."""
