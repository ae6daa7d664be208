"""The way to a Dask scheduler: one on this machine, or one that runs already."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator
from typing import Any

from vat_bayes.collect.cluster.later import interruption_later
from vat_bayes.collect.cluster.task import Done, Task, about, do
from vat_bayes.collect.llamacpp.settings import usable_cores
from vat_bayes.collect.stopped import KEPT, StoppedError
from vat_bayes.errors import InputError

_LOCAL = re.compile(r"local(?::(\d+))?")
_CONNECT_SECONDS = 10.0
_MOST_WORKERS = 256


class Cluster:
    """A scheduler with its workers.

    Parameters
    ----------
    client : distributed.Client
        Connected.
    threads : int, optional
        CPU threads that a worker may use; None leaves it to the worker.
    """

    def __init__(self, client: Any, *, threads: int | None) -> None:
        self._client = client
        self.threads = threads
        self.n_workers = len(client.scheduler_info(n_workers=-1)["workers"])
        if not self.n_workers:
            raise InputError("the cluster has no worker", where=client.scheduler.address)
        self._futures: dict[Any, Any] = {}

    def submit(self, task: Task, mark: Any) -> None:
        """Hand a task over.

        Parameters
        ----------
        task : Task
            The task.
        mark : object
            Comes back with what came of the task.
        """
        # Not pure: what came of an equal task of another session is no business of this one.
        future = self._client.submit(do, task, pure=False, retries=0)
        self._futures[future] = mark

    def results(self) -> Iterator[tuple[Any, Done]]:
        """Wait for what was handed over.

        Yields
        ------
        tuple of (object, Done)
            A mark and what came of its task, as they come in.

        Raises
        ------
        StoppedError
            When the cluster fails.
        """
        from distributed import as_completed

        try:
            for future in as_completed(list(self._futures), loop=self._client.loop):
                mark = self._futures.pop(future)
                try:
                    done: Done = future.result()
                except Exception as error:  # whatever a worker or the network may raise
                    said = " ".join(str(error).split())[:200]
                    raise StoppedError(
                        f"the cluster failed ({type(error).__name__}: {said})", hint=KEPT
                    ) from None
                future.release()
                yield mark, done
        finally:
            for future in self._futures:
                future.cancel()
            self._futures.clear()

    def describe(self) -> dict[str, Any]:
        """Return the workers and the versions that they have.

        Raises
        ------
        StoppedError
            When a worker cannot say, e.g. because this package is not installed there.
        """
        try:
            told: dict[str, dict[str, str]] = self._client.run(about)
        except Exception as error:  # whatever a worker raises when it has no such function
            said = " ".join(str(error).split())[:200]
            raise StoppedError(
                f"a worker of the cluster cannot collect ({type(error).__name__}: {said})",
                where=self._client.scheduler.address,
                hint="is vat-bayes[collect,cluster] installed there, in the same version?",
            ) from None
        kinds = {tuple(sorted(found.items())) for found in told.values()}
        return {"workers": self.n_workers, "versions": [dict(kind) for kind in sorted(kinds)]}


@contextlib.contextmanager
def open_cluster(words: str) -> Iterator[Cluster]:
    """Open a cluster for the block.

    Parameters
    ----------
    words : str
        ``local`` for one process for each core of this machine, ``local:N`` for N processes, or the
        address of a scheduler, e.g. ``tcp://10.0.0.5:8786``.

    Raises
    ------
    InputError
        When Dask distributed is not installed, or there is no such cluster.
    """
    try:
        import distributed
    except ImportError as e:
        raise InputError(
            f"collecting on a cluster needs Dask distributed ({e})",
            hint="pip install 'vat-bayes[cluster]'",
        ) from None
    with contextlib.ExitStack() as stack:
        threads = None
        if local := _LOCAL.fullmatch(words):
            cores = usable_cores()
            n = int(local[1] or cores)
            if not 1 <= n <= _MOST_WORKERS:
                raise InputError(f"--cluster {words}: expected 1 to {_MOST_WORKERS} processes")
            threads = max(1, cores // n)
            with interruption_later():
                at: Any = stack.enter_context(
                    distributed.LocalCluster(
                        n_workers=n,
                        threads_per_worker=1,
                        processes=True,
                        dashboard_address=None,
                        host="127.0.0.1",
                        # A worker is not stopped for the memory of the model that it is to hold.
                        memory_limit=0,
                        silence_logs=50,
                        preload=["vat_bayes.collect.cluster.preload"],
                    )
                )
        elif re.fullmatch(r"(tcp|tls|ucx|ws|wss)://\S+", words):
            at = words
        else:
            raise InputError(
                f"--cluster is '{words}'; expected 'local', 'local:N' or the address of a Dask "
                "scheduler like 'tcp://10.0.0.5:8786'"
            )
        try:
            client = stack.enter_context(
                distributed.Client(at, timeout=_CONNECT_SECONDS, set_as_default=False)
            )
        except (OSError, TimeoutError) as error:
            raise InputError(
                f"no Dask scheduler answers ({type(error).__name__})", where=words
            ) from None
        yield Cluster(client, threads=threads)
