"""`python -m workers` is the `gleandraft` command."""

from workers.cli import main

if __name__ == "__main__":
    main()
