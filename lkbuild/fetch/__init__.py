"""Fetching: the only part of lkbuild that opens sockets. Mirrors and indexes are known here and nowhere else."""
