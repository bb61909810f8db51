"""A package of its own: Debian's linux-perf has a Python module of this name, which wins over a folder without this."""
