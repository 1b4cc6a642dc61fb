"""What a hostile file or a defect can do to the process that works on it, each within bounds."""

import os
import signal
import time
from pathlib import Path

import numpy as np
from toy_kidney.pipeline import ToyPipeline

KILLS_ITSELF, KILLS_ITS_WORKER, TAKES_MEMORY, HANGS, IS_SLOW = 30001, 30002, 30003, 30004, 30005
MOST_BYTES = 3e9


class TroublePipeline(ToyPipeline):
    def run(self, images, parameters, progress):
        voxels = images["volume"].voxels
        trouble = int(voxels.flat[0])
        pause = float(os.environ.get("TOY_PAUSE", "0"))
        time.sleep(pause)
        if trouble == KILLS_ITSELF:
            os.kill(os.getpid(), signal.SIGKILL)
        elif trouble == KILLS_ITS_WORKER:
            # Only a process of Dask may be hit, never whatever runs the tests.
            parent = os.getppid()
            if b"multiprocessing" in Path(f"/proc/{parent}/cmdline").read_bytes():
                os.kill(parent, signal.SIGKILL)
            time.sleep(20)
        elif trouble == TAKES_MEMORY:
            taken = []
            while sum(each.nbytes for each in taken) < MOST_BYTES:
                taken.append(np.ones(12_500_000))
                time.sleep(0.03)
        elif trouble == HANGS:
            time.sleep(600)
        return super().run(images, parameters, progress)


def create(bundle, device):
    return TroublePipeline()
