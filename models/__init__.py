"""Models that ship with the package: the embedded judge (and how it is trained), statistical models."""
