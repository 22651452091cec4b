"""Clips and streams in and out, frame by frame; PyAV is loaded by the first call."""

from edgeqe.video.frames import enhance_frames
from edgeqe.video.stream import StreamEnhancer

__all__ = ["StreamEnhancer", "enhance_frames"]
