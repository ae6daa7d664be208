"""Calibration of the intervals, as an artefact: ``python -m benchmarks.validation``."""
