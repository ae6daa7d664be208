"""Models that ship with the package, and how the embedded judge is trained."""
