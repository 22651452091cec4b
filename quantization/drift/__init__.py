"""The drift gate, and the blame that finds where a drift comes from."""
