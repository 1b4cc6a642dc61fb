"""Loaded by each worker of a cluster of one's own: Ctrl-C in the terminal is for the command, which then ends the workers."""

from __future__ import annotations

import signal

signal.signal(signal.SIGINT, signal.SIG_IGN)
