"""Collecting on several processes or machines by Dask distributed."""

from __future__ import annotations

from vat_bayes.collect.cluster.scheduler import Cluster, open_cluster
from vat_bayes.collect.cluster.task import Done, Task

__all__ = ["Cluster", "Done", "Task", "open_cluster"]
