"""What runs emitted and saved, and what another choice of starts would have."""
