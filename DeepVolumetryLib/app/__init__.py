"""The command line: ``deepvolumetry``. One file per command; docs/cli.md is its contract."""
