"""The Dask cluster: one of this computer's own, or any other by the address of its scheduler."""

from __future__ import annotations

import logging
import os
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

import psutil

from ...engine.memory import available_bytes
from ...errors import InputError, ModelError, ResourceError
from . import runner
from .admission import threads_for

GPU = "GPU"
_BYTES_PER_WORKER = 4e9
_PATIENCE_S = 60
CONNECT_S = 15
_ASK_EVERY_S = 5.0


@dataclass(frozen=True)
class Cluster:
    """A client with what it needs to know of the workers.

    Attributes:
        client: of `distributed`.
        own: True if the workers were started here.
        threads: for each computation; 0 if the workers decide.
    """

    client: Any
    own: bool
    threads: int
    _asked: list[tuple[float, Mapping[str, Mapping[str, Any]]]] = field(default_factory=list)

    @property
    def slots(self) -> int:
        """Cases that can run at once, now: workers come and go."""
        return sum(worker["nthreads"] for worker in self._workers().values())

    def resources(self, device: str) -> dict[str, float]:
        """What a case needs of a worker: a GPU, if there is one and it may be used."""
        has_gpu = any(worker["resources"].get(GPU) for worker in self._workers().values())
        return {GPU: 1} if has_gpu and device in ("auto", "cuda") else {}

    def _workers(self) -> Mapping[str, Mapping[str, Any]]:
        """All workers; asked for every few seconds only, since the answer grows with their number and is needed for each case."""
        now = time.monotonic()
        if not self._asked or now - self._asked[0][0] > _ASK_EVERY_S:
            self._asked[:] = [(now, self.client.scheduler_info(n_workers=-1)["workers"])]
        return self._asked[0][1]


def require_dask() -> None:
    """Raise ModelError with what to install if something is missing."""
    try:
        import dicomweb_client  # noqa: F401
        import distributed  # noqa: F401
        import fastparquet  # noqa: F401
    except ModuleNotFoundError as error:
        raise ModelError(f"deepvolumetry batch needs the Python package {error.name}. Run: pip install 'deepvolumetry[batch]'.") from error


def gpus() -> list[str]:
    """Numbers or names of the NVIDIA GPUs that may be used; torch is not loaded for it."""
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    if visible is not None:
        return [name.strip() for name in visible.split(",") if name.strip() and name.strip() != "-1"]
    try:
        listed = subprocess.run(["nvidia-smi", "-L"], capture_output=True, text=True, timeout=20, check=True).stdout
    except (OSError, subprocess.SubprocessError):
        return []
    return [line.split(":")[0].removeprefix("GPU ").strip() for line in listed.splitlines() if line.startswith("GPU ")]


def default_workers() -> int:
    """One per physical core, but no more than the memory holds at 4 GB each."""
    cores = psutil.cpu_count(logical=False) or os.cpu_count() or 1
    free = available_bytes()
    return max(1, min(cores, int(free // _BYTES_PER_WORKER) if free else cores))


@contextmanager
def connected(scheduler: str = "", workers: int | None = None, device: str = "auto", most: int = 10**6) -> Iterator[Cluster]:
    """A cluster of one's own, ended afterwards, or a client of the scheduler at an address.

    Args:
        scheduler: address, such as tcp://10.0.0.5:8786.
        workers: how many to start here; chosen if None.
        device: as for ``segment``.
        most: no more workers are started than there is work, for each takes seconds.

    Raises:
        InputError: if there is no scheduler at the address.
        ResourceError: if no worker comes within a minute.
    """
    if scheduler:
        with _remote(scheduler) as cluster:
            yield cluster
    else:
        with _local(workers, device, most) as cluster:
            yield cluster


@contextmanager
def _remote(address: str) -> Iterator[Cluster]:
    from distributed import Client

    logging.getLogger("distributed").setLevel(logging.CRITICAL)
    try:
        client = Client(address, timeout=CONNECT_S, set_as_default=False)
    except (OSError, ValueError, TypeError) as error:
        raise InputError(f"No Dask scheduler answers at {address}. Start one with “dask scheduler”, or check the address.") from error
    try:
        _await_worker(client, f"Start some with “dask worker {address}”.")
        yield Cluster(client, False, 0)
    finally:
        with suppress(Exception):
            client.close(timeout=5)


@contextmanager
def _local(workers: int | None, device: str, most: int) -> Iterator[Cluster]:
    import dask
    from distributed import Client, Nanny, Scheduler, SpecCluster

    usable = gpus() if device in ("auto", "cuda") else []
    wanted = workers or len(usable) or default_workers()
    # By what was wanted: the same threads, so the same bytes, also where few cases are left.
    threads = threads_for(wanted)
    count = min(wanted, most)
    settings = {
        # A case that ends its worker is tried on one more; `dispatch` then runs it alone, to be fair to its neighbors.
        "distributed.scheduler.allowed-failures": 1,
        "distributed.scheduler.worker-saturation": 1.0,
        "distributed.comm.timeouts.connect": "30s",
        # Dask gives up on a worker that has not come back after 15 s, and never starts it again; on a busy computer that is a usual start.
        "distributed.deploy.lost-worker-timeout": "30 minutes",
        # A computer that swaps or sleeps is slow, not gone.
        "distributed.scheduler.worker-ttl": "15 minutes",
        "distributed.nanny.pre-spawn-environ": {"DASK_DISTRIBUTED__LOGGING__DISTRIBUTED": "critical", "MALLOC_TRIM_THRESHOLD_": 65536},
    }
    specs = {}
    for number in range(count):
        variables = {f"{name}_NUM_THREADS": str(threads) for name in ("OMP", "MKL", "OPENBLAS")}
        options: dict[str, Any] = {"nthreads": 1, "memory_limit": 0, "dashboard": False, "env": variables, "host": "127.0.0.1"}
        options["silence_logs"] = logging.CRITICAL
        options["preload"] = ["DeepVolumetryLib.app.batch.preload"]
        if usable:
            gpu = usable[number % len(usable)]
            options |= {"resources": {GPU: 1}, "env": {**variables, "CUDA_VISIBLE_DEVICES": gpu}}
        specs[number] = {"cls": Nanny, "options": options}
    scheduler = {"cls": Scheduler, "options": {"host": "127.0.0.1", "port": 0, "dashboard": False}}
    for name in ("distributed", "tornado.application", "asyncio"):
        logging.getLogger(name).setLevel(logging.CRITICAL)
    with (
        dask.config.set(settings),
        SpecCluster(workers=specs, scheduler=scheduler, silence_logs=logging.CRITICAL, name="deepvolumetry") as own,
    ):
        client = Client(own, set_as_default=False)
        try:
            _await_worker(client, "Free some memory and run again.")
            yield Cluster(client, True, threads)
        finally:
            with suppress(Exception):
                client.close(timeout=5)
            runner.close()


def _await_worker(client: Any, advice: str) -> None:
    from distributed import TimeoutError as Timeout  # before Python 3.11 not the built-in one

    try:
        client.wait_for_workers(1, timeout=_PATIENCE_S)
    except Timeout as error:
        raise ResourceError(f"No worker came within {_PATIENCE_S} s. {advice}") from error
