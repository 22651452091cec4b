"""Providers by runtime with the names of their options, and the features of processors.

ONNX Runtime takes any option name of a provider that is not installed. One that is installed
refuses a name that it does not know, and the session is then made on the CPU unless that is
forbidden: a misspelt name would be found on the device, or never. So profiles are checked against
these names. They are all those of ONNX Runtime 1.20 to 1.31 (its pages "CUDA Execution Provider"
and "TensorRT Execution Provider", and the parsers of their options) that a file can give, so not
those that hold an address: streams, allocators, models in memory. An older release does not know
the youngest, such as ``trt_bf16_enable``.
"""

from __future__ import annotations

from collections.abc import Mapping

CPU, CUDA, TENSORRT = (
    "CPUExecutionProvider",
    "CUDAExecutionProvider",
    "TensorrtExecutionProvider",
)
XNNPACK = "XNNPACK"
#: Short names that may stand for a provider.
ALIASES = {"cpu": CPU, "cuda": CUDA, "trt": TENSORRT, "xnnpack": XNNPACK}

_CUDA = """
    device_id do_copy_in_default_stream use_ep_level_unified_stream
    gpu_mem_limit arena_extend_strategy cudnn_conv_algo_search cudnn_conv_use_max_workspace
    cudnn_conv1d_pad_to_nc1d enable_cuda_graph enable_skip_layer_norm_strict_mode use_tf32
    prefer_nhwc fuse_conv_bias sdpa_kernel tunable_op_enable tunable_op_tuning_enable
    tunable_op_max_tuning_duration_ms
"""
_TENSORRT = """
    device_id trt_max_workspace_size trt_max_partition_iterations
    trt_min_subgraph_size trt_fp16_enable trt_bf16_enable trt_int8_enable
    trt_int8_calibration_table_name trt_int8_use_native_calibration_table trt_dla_enable
    trt_dla_core trt_engine_decryption_enable trt_engine_decryption_lib_path
    trt_load_user_initializer trt_engine_cache_enable trt_engine_cache_path trt_engine_cache_prefix
    trt_dump_subgraphs trt_force_sequential_engine_build trt_context_memory_sharing_enable
    trt_layer_norm_fp32_fallback trt_timing_cache_enable trt_timing_cache_path
    trt_force_timing_cache trt_detailed_build_log trt_build_heuristics_enable
    trt_cuda_graph_enable trt_sparsity_enable trt_builder_optimization_level
    trt_auxiliary_streams trt_tactic_sources trt_extra_plugin_lib_paths trt_profile_min_shapes
    trt_profile_max_shapes trt_profile_opt_shapes trt_ep_context_embed_mode
    trt_dump_ep_context_model trt_ep_context_file_path trt_weight_stripped_engine_enable
    trt_onnx_model_folder_path trt_engine_hw_compatible trt_op_types_to_exclude
    trt_preview_features
"""

#: Option names of each provider, by runtime. LiteRT's are those of its interpreter.
PROVIDERS: Mapping[str, Mapping[str, frozenset[str]]] = {
    "onnxruntime": {
        CPU: frozenset(),
        CUDA: frozenset(_CUDA.split()),
        TENSORRT: frozenset(_TENSORRT.split()),
    },
    "litert": {XNNPACK: frozenset({"num_threads"})},
}
#: Providers that compute on another device than the processor.
ACCELERATORS = frozenset({CUDA, TENSORRT})
#: Features that a profile may ask a processor for, as `edgeqe doctor` names them.
FEATURES = ("avx2", "avx512", "vnni", "neon", "dotprod", "i8mm")
