"""How much memory there is, how much was used, and a clear no before a run that cannot fit."""

from __future__ import annotations

import sys
from contextlib import suppress
from pathlib import Path

from ..errors import ResourceError

_PROC_STATUS = Path("/proc/self/status")


def available_bytes() -> int | None:
    """Memory that can be had without swapping, in bytes; a container's limit counts. None if the system does not say."""
    limits = [_system_available(), _container_available()]
    return min((limit for limit in limits if limit is not None), default=None)


def require_memory(needed_bytes: float, purpose: str) -> None:
    """Refuse before the work starts what would not fit.

    Args:
        needed_bytes: memory that the work will take beyond what is in use now.
        purpose: what for, as it follows "for" in a sentence ("this image").

    Raises:
        ResourceError: if less is available.
    """
    available = available_bytes()
    if available is not None and available < needed_bytes:
        raise ResourceError(
            f"About {needed_bytes / 1e9:.1f} GB of memory are needed for {purpose}, but only {available / 1e9:.1f} GB are free. "
            "Close other programs, or crop the image."
        )


def reset_peak() -> None:
    """Start measuring the peak anew where the system can (Linux); elsewhere the peak is that of the whole process."""
    with suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5")


def peak_memory_mb() -> float:
    """Largest resident memory of this process so far, or since `reset_peak`, in MB (10^6 bytes); 0 if unknown."""
    if _PROC_STATUS.exists():
        for line in _PROC_STATUS.read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024 / 1e6
    if sys.platform == "win32":
        with suppress(ImportError):
            import psutil

            return float(psutil.Process().memory_info().peak_wset / 1e6)
        return 0.0
    import resource

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / 1e6 if sys.platform == "darwin" else peak * 1024 / 1e6


def _system_available() -> int | None:
    with suppress(ImportError):
        import psutil

        return int(psutil.virtual_memory().available)
    with suppress(OSError, ValueError, IndexError):
        for line in Path("/proc/meminfo").read_text().splitlines():
            if line.startswith("MemAvailable:"):
                return int(line.split()[1]) * 1024
    return None


def _container_available() -> int | None:
    """What is left of the limit of this process's control group, file cache counted as free; None without a limit."""
    for limit, usage, statistics in (
        ("memory.max", "memory.current", "memory.stat"),
        ("memory/memory.limit_in_bytes", "memory/memory.usage_in_bytes", "memory/memory.stat"),
    ):
        root = Path("/sys/fs/cgroup")
        with suppress(OSError, ValueError):
            maximum = int((root / limit).read_text())
            used = int((root / usage).read_text())
            lines = (line.split() for line in (root / statistics).read_text().splitlines())
            cache = next((int(value) for name, value in lines if name in ("inactive_file", "total_inactive_file")), 0)
            return max(maximum - used + cache, 0)
    return None
