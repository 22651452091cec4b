"""Clips and streams in and out, frame by frame; PyAV is loaded by the first call."""

from edgeqe.video.frames import enhance_frames

__all__ = ["enhance_frames"]
