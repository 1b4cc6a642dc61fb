"""Hand cases to Dask, a few more at a time than it has room for, and take back what became of them.

Only a window of cases is with the scheduler: its memory and that of this process do not grow with the cohort, workers that come
later get their share, and Ctrl-C has little to call back.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any
from uuid import uuid4

from ...errors import ResourceError
from ..console import explain
from .cluster import Cluster
from .plan import DONE, FAILED, Job, Outcome, write_outcome
from .runner import run_case
from .sources import Source

_FIRST_MB = 1500.0
_PER_INPUT_BYTE = 24.0
_LEARNED_FROM = 3
_SPARE = 1.2
_LOOK_EVERY_S = 0.02
_GONE_S = 300.0
_KEPT = "What is finished is kept; run the same command again to go on."


class Dispatcher:
    """Runs jobs on a cluster.

    Args:
        cluster: with workers.
        out: folder of all cases.
        device: as for ``segment``.
        tell: is told each outcome as it comes.
    """

    def __init__(self, cluster: Cluster, out: Path, device: str, tell: Callable[[Outcome], None]) -> None:
        self._cluster, self._out, self._device, self._tell = cluster, out, device, tell
        self._peaks: dict[str, list[float]] = {}
        self._modules: dict[str, str] = {}
        self._flying: dict[Any, Job] = {}
        self._submitted = 0
        self._run = uuid4().hex[:8]

    def run(self, jobs: Iterable[Job]) -> None:
        """Run all of them; those that took their worker along run again at the end, one at a time.

        Raises:
            ResourceError: if the scheduler is lost.
            KeyboardInterrupt: on Ctrl-C; what was not begun is called back.
        """
        try:
            suspects = self._run_all(deque(jobs))
            for job in suspects:
                for again in self._run_all(deque([job])):
                    self._finished(_killed(again))
        except BaseException:
            with suppress(Exception):
                self._cluster.client.cancel(list(self._flying), force=True)
            raise

    def _run_all(self, waiting: deque[Job]) -> list[Job]:
        from distributed import KilledWorker, as_completed

        suspects: list[Job] = []
        # With results: they are fetched while others are looked at, not one after the other.
        coming = as_completed([], loop=self._cluster.client.loop, with_results=True, raise_errors=False)
        self._fill(waiting, coming)
        for future, result in self._arrivals(coming):
            job = self._flying.pop(future)
            if isinstance(result, dict):
                self._finished(Outcome(**result))
            elif future.status == "error":
                error = result[1]
                if isinstance(error, KilledWorker):
                    suspects.append(job)
                else:
                    message, code = explain(error)
                    self._finished(Outcome(job.case, job.fingerprint, FAILED, message, code))
            elif self._cluster.client.status != "running":
                raise _lost()
            else:
                waiting.append(job)
            future.release()
            self._fill(waiting, coming)
        return suspects

    def _arrivals(self, coming: Any) -> Iterator[tuple[Any, Any]]:
        """Futures with their results as they come.

        Raises:
            ResourceError: if the scheduler is lost, or workers of one's own have been gone for minutes. On another cluster workers may come
                later, as jobs of a queue do: that is waited for.
        """
        since = time.monotonic()
        while not coming.is_empty():
            if coming.has_ready():
                yield next(coming)
                since = time.monotonic()
                continue
            if self._cluster.client.status not in ("running", "connecting"):
                raise _lost()
            if time.monotonic() - since > _GONE_S:
                if self._cluster.own and not self._cluster.slots:
                    raise ResourceError(f"All workers ended and did not come back. {_KEPT}")
                since = time.monotonic()
            time.sleep(_LOOK_EVERY_S)

    def _fill(self, waiting: deque[Job], coming: Any) -> None:
        """Submit until every worker has something to do and something to do next."""
        client = self._cluster.client
        if client.status not in ("running", "connecting"):
            raise _lost()
        slots = max(1, self._cluster.slots)
        window = slots + max(2, slots // 2)
        resources = self._cluster.resources(self._device)
        while waiting and len(self._flying) < window:
            job = waiting.popleft()
            job = replace(job, threads=self._cluster.threads, expected_mb=self._expected_mb(job))
            self._submitted += 1
            key = f"deepvolumetry-{self._run}-{self._submitted}-{job.case}"
            future = client.submit(run_case, asdict(job), key=key, pure=False, resources=resources or None)
            self._flying[future] = job
            self._modules[job.case] = job.entry["key"]
            coming.add(future)

    def _expected_mb(self, job: Job) -> float:
        """From the cases of the module that are done, else from the size of the files."""
        peaks = self._peaks.get(job.entry["key"], [])
        if len(peaks) >= _LEARNED_FROM:
            return _SPARE * max(peaks)
        bytes_ = sum(_bytes(source) for source in job.sources.values())
        return _FIRST_MB + _PER_INPUT_BYTE * bytes_ / 1e6

    def _finished(self, outcome: Outcome) -> None:
        if outcome.state == DONE:
            self._peaks.setdefault(self._modules.pop(outcome.case, ""), []).append(outcome.peak_mb)
        else:
            with suppress(OSError):
                write_outcome(self._out, outcome)
        self._tell(outcome)


def _killed(job: Job) -> Outcome:
    message = (
        "Each worker that ran it died, also when it ran alone. The memory of the computer may have run out: try this case alone with "
        "deepvolumetry segment, or give workers more memory."
    )
    return Outcome(job.case, job.fingerprint, FAILED, message, 1)


def _lost() -> ResourceError:
    return ResourceError(f"The connection to the Dask scheduler was lost. {_KEPT}")


def _bytes(source: Any) -> int:
    return sum(size for _name, size, _time in Source.from_dict(source).stamps())
