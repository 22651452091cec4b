"""Limits of a model file: what edgeqe's own stay far below, so that a hostile file costs little."""

from __future__ import annotations

#: Bytes of a file.
LARGEST_FILE = 256 << 20
#: Operators of a network, and tensors of a file.
MOST_OPERATORS, MOST_TENSORS = 4_000, 20_000
#: Characters of a name.
LONGEST_NAME = 512
#: Bytes of the card, and of each table and the golden tile; entries of metadata.
LARGEST_CARD, LARGEST_TABLE, MOST_ENTRIES = 1 << 20, 8 << 20, 64
#: Elements of an array in metadata, once it is unpacked.
LARGEST_ARRAY = 1 << 24
#: Weights, counted at each use, because runtimes pack them for each.
MOST_WEIGHTS = 1 << 26
#: Multiply-accumulates per sample of the network's planes.
MOST_MACS = 1 << 25
#: Values per sample of the network's planes: of one operator's result, and of all together.
WIDEST_VALUE, MOST_VALUES = 1 << 14, 1 << 18
#: Side of a kernel, zeros on one side of a value, and block of a rearrangement.
LARGEST_WINDOW = 64
#: Side of the planes that a TFLite file is stored at.
LARGEST_SIDE = 256
