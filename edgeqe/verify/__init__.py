"""Proofs about a model file, run on the device that it will work on."""
