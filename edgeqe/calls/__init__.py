"""The calls of `Enhancer` and `FrameSequence` that take arrays, by the layout of the pictures."""
