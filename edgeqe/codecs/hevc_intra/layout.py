"""Names of what the compiled functions keep: variables, maps and flags.

A compiled function takes few arrays. All scalars of the parser lie in one array of int64, `v`,
at the places below; names are the standard's. Maps hold a number for each block of 4x4 luma
samples. A canvas has the samples of all planes: Y at the top, U and V side by side below it.
"""

from __future__ import annotations

# Arithmetic decoding engine (9.3.4.3).
POSITION = 0  # next byte of the slice data
RANGE = 1  # ivlCurrRange
OFFSET = 2  # ivlOffset, followed by bits that were read ahead
SPARE = 3  # how many of them
ERROR = 4  # 0, or the first of the errors below

# Sequence and picture parameters.
WIDTH = 5
HEIGHT = 6
CHROMA = 7  # whether there is any
BIT_DEPTH = 8
LOG2_MIN_CB = 9
LOG2_CTB = 10
LOG2_MIN_TB = 11
LOG2_MAX_TB = 12
MAX_DEPTH_INTRA = 13  # max_transform_hierarchy_depth_intra
STRONG_SMOOTHING = 14
PCM_LOG2_MIN = 15  # above PCM_LOG2_MAX if there is no PCM
PCM_LOG2_MAX = 16
PCM_LUMA_BITS = 17
PCM_CHROMA_BITS = 18
SIGN_HIDING = 19
TRANSFORM_SKIP_ENABLED = 20
QP_DELTA_ENABLED = 21
LOG2_MIN_QG = 22  # Log2MinCuQpDeltaSize
BYPASS_ENABLED = 23
WAVEFRONT = 24  # entropy_coding_sync_enabled_flag
TILES = 25  # number of tiles
SAO_OFFSET_MAX = 26

# Slice.
SLICE_ADDRESS = 32
SLICE_NUMBER = 33
DEPENDENT = 34
SLICE_QP = 35
SAO_LUMA = 36
SAO_CHROMA = 37
CB_OFFSET = 38
CR_OFFSET = 39

# State of parsing.
CTB = 48  # address of the next coding tree block in tile scan
REGION_NOW = 49  # number of the current slice and tile
QP_Y = 50
QP_PREVIOUS = 51  # of the last coding unit in decoding order
QP_DELTA_CODED = 52  # IsCuQpDeltaCoded
QP_PREDICTED = 53
BYPASS = 54  # cu_transquant_bypass_flag
BLOCKS = 55  # transform units so far

# Scratch memory.
NODES = 64  # coding quadtree: x, y, log2 of each node to come
NODES_TU = 128  # transform tree: x, y, log2, depth, blkIdx, cbf of each node to come
SUB_BLOCKS = 256  # coded_sub_block_flag, 9x9: a row and a column of zeros behind the last
PLACES = 352  # scan positions of a sub-block's coefficients
LEVELS = 368  # and their absolute values
CONTEXT = 512  # context variables: pStateIdx * 2 + valMps
INITIAL = 704  # their values at a slice's beginning
WAVEFRONT_CONTEXT = 896  # TableStateIdxWpp
SEGMENT_CONTEXT = 1088  # TableStateIdxDs
VARIABLES = 1280

# Maps.
TU_LOG2 = 0
QP = 1  # QpY
QP_CB = 2  # Qp'Cb
QP_CR = 3
LUMA_MODE = 4  # IntraPredModeY
CHROMA_MODE = 5
FLAGS = 6
DEPTH = 7  # cqtDepth
REGION = 8  # number of slice and tile, from 1; 0 where nothing is parsed
MAPS = 9

# Bits of FLAGS, at the first 4x4 block of a transform block.
CODED = 1  # shifted by cIdx: it has coefficients
SKIPPED = 8  # shifted by cIdx: transform_skip_flag
LOSSLESS = 64
PCM = 128

# Errors.
OVERRUN = 1
BAD_QP_DELTA = 2
BAD_LEVEL = 3
MISSING_END = 4
TOO_LONG = 5

ERRORS = {
    OVERRUN: "slice data end before their blocks do",
    BAD_QP_DELTA: "a difference of QP is out of range",
    BAD_LEVEL: "a transform coefficient has a code of more than 32 bits",
    MISSING_END: "a part of a slice does not end where its blocks do",
    TOO_LONG: "a slice goes on behind the last block",
}
