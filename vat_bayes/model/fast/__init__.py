"""The fast engine for ratings: random effects integrated out, parameters sampled."""
