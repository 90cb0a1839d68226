"""Mend what a redeploy deleted, what crashed, and what came twice."""
