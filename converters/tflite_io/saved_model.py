"""What of a SavedModel is looked at before TensorFlow loads it: that it computes, and does no more.

A SavedModel is a program: its operators can write files, and some run while it is loaded. Operators
are allowed by name, so one that nobody thought of is refused. Those that save and restore weights
stand only in the functions that do that, and nothing else may call them.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from edgeqe.errors import InputError

#: File that a SavedModel's folder holds.
SAVED_MODEL = "saved_model.pb"
#: Operators of picture networks, and what holds their weights and calls their functions.
NETWORK = frozenset(
    """
    Abs Add AddN AddV2 All Any AssignVariableOp AvgPool BatchToSpaceND BiasAdd BroadcastTo Cast Ceil ClipByValue
    Concat ConcatV2 Const Conv2D Conv2DBackpropInput DepthToSpace DepthwiseConv2dNative DisableCopyOnRead Div
    DivNoNan Elu Equal Erf Erfc Exp ExpandDims Fill Floor FloorDiv FloorMod FusedBatchNorm FusedBatchNormV2
    FusedBatchNormV3 GatherV2 Greater GreaterEqual Identity IdentityN LeakyRelu Less LessEqual Log Log1p
    LogicalAnd LogicalNot LogicalOr Max MaxPool MaxPoolV2 Maximum Mean Min Minimum MirrorPad Mul Neg NoOp NotEqual
    OnesLike Pack Pad PadV2 PartitionedCall Placeholder PlaceholderWithDefault Pow Prod Range Rank ReadVariableOp
    RealDiv Reciprocal Relu Relu6 Reshape ResizeBicubic ResizeBilinear ResizeNearestNeighbor Round Rsqrt Select
    SelectV2 Selu Shape ShapeN Sigmoid Sign Size Slice Softplus Softsign SpaceToBatchND SpaceToDepth Split SplitV
    Sqrt Square SquaredDifference Squeeze StatefulPartitionedCall StopGradient StridedSlice Sub Sum
    Tanh Tile Transpose TruncateDiv Unpack VarHandleOp VarIsInitializedOp ZerosLike
    """.split()
)
#: Operators that read weights from the folder, and those that write them to another.
RESTORING = frozenset({"RestoreV2"})
SAVING = frozenset(
    {"MergeV2Checkpoints", "SaveV2", "ShardedFilename", "StaticRegexFullMatch", "StringJoin"}
)


def check_saved_model(folder: Path) -> None:
    """Check that a SavedModel holds a network and what keeps its weights, before any of it is loaded.

    Parameters
    ----------
    folder : Path

    Raises
    ------
    InputError
        If it is damaged, was not saved by TensorFlow 2, or holds another operator.
    """
    from tensorflow.core.protobuf import saved_model_pb2

    proto = saved_model_pb2.SavedModel()
    try:
        proto.ParseFromString((folder / SAVED_MODEL).read_bytes())
    except Exception as error:  # protobuf's errors differ between its versions
        raise InputError(f"'{folder}' holds no whole SavedModel: save it again.") from error
    metas = proto.meta_graphs
    if len(metas) != 1 or not metas[0].HasField("object_graph_def"):
        raise InputError(f"'{folder}' was not saved by TensorFlow 2: save it again by that.")
    _check(folder, metas[0])


def _check(folder: Path, meta: Any) -> None:
    functions = {found.signature.name: found for found in meta.graph_def.library.function}
    ends = {meta.saver_def.save_tensor_name.partition(":")[0]} - {""}
    starts = {meta.saver_def.restore_op_name} - {""}
    nodes = {node.name: node for node in meta.graph_def.node}
    others = [node for name, node in nodes.items() if name not in ends | starts]
    called = _reached(others, functions) | set(meta.object_graph_def.concrete_functions)
    called |= _reached(
        [n for f in called & functions.keys() for n in functions[f].node_def], functions
    )
    saving = _reached([nodes[name] for name in ends & nodes.keys()], functions) - called
    restoring = _reached([nodes[name] for name in starts & nodes.keys()], functions) - called
    parts = [(meta.graph_def.node, NETWORK)]
    for name, function in functions.items():
        more = (RESTORING if name in restoring else frozenset[str]()) | (
            SAVING if name in saving - restoring else frozenset[str]()
        )
        parts.append((function.node_def, NETWORK | more))
    for found, allowed in parts:
        for node in found:
            if node.op not in allowed:
                raise InputError(
                    f"'{folder}' holds the operator {node.op} ('{node.name}'), which is none of a picture "
                    "network and is never loaded: save the network alone, or export it to ONNX."
                )


def _reached(nodes: Iterable[Any], functions: dict[str, Any]) -> set[str]:
    """Names of all functions that nodes call, and that those call."""
    found, pending = set[str](), list(nodes)
    while pending:
        node = pending.pop()
        for attribute in node.attr.values():
            for called in (attribute.func, *attribute.list.func):
                if called.name and called.name not in found:
                    found.add(called.name)
                    if called.name in functions:
                        pending += functions[called.name].node_def
    return found
