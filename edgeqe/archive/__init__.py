"""Folders of any number of pictures and clips, done by several workers, and resumed where they ended."""

from edgeqe.archive.report import ArchiveReport
from edgeqe.archive.run import enhance_archive
from edgeqe.archive.settings import ArchiveSettings

__all__ = ["ArchiveReport", "ArchiveSettings", "enhance_archive"]
