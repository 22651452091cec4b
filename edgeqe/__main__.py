"""``python -m edgeqe`` is the ``edgeqe`` command."""

from edgeqe.cli import main

if __name__ == "__main__":
    main()
