"""Processes: the command line, the job records, the worker, and the Redis between them."""
