"""A real, tiny module: the tests of the worker run it in the worker's process."""
