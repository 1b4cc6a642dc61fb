"""Make shapes and training sets, train, and turn checkpoints into bundles. See docs/training-spleen.md."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable

from DeepVolumetryLib.errors import DeepVolumetryError

from . import ultrasound_commands, volume_commands

# Name of a command -> what adds its options and, as ``run``, what carries it out. The first line of its docstring is its help.
COMMANDS: dict[str, Callable[[argparse.ArgumentParser], None]] = {**volume_commands.COMMANDS, **ultrasound_commands.COMMANDS}


def main(arguments: list[str] | None = None) -> int:
    """Run a command; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m SpleenVolumeLib.training", description=(__doc__ or "").split(" See")[0])
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    for name, add in COMMANDS.items():
        add(commands.add_parser(name, help=(add.__doc__ or "").splitlines()[0]))
    options = parser.parse_args(arguments)
    try:
        options.run(options)
    except DeepVolumetryError as error:
        print(error, file=sys.stderr)
        return error.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main())
