"""Whether the runtime inside the APK can load a file: found here, not on the phone.

A .tflite file names a version for each operation it uses, and the runtime refuses a whole file for one version that it
does not know. Converters write what the newest runtime reads; the one in the APK is older.

The table was asked of that runtime itself, not copied from its sources: TensorFlow 2.16.1's interpreter was given, for
each operation and version, a file that names only these. It reads 168 operations.
"""

from __future__ import annotations

from pathlib import Path

from mobile_robust.tflite import file as tflite_file

#: Of org.tensorflow:tensorflow-lite in android_bench/dependencies.txt.
RUNTIME_VERSION = "2.16.1"

_NEWEST = {
    1: (
        "ADD_N ASSIGN_VARIABLE ATAN2 BITCAST BITWISE_XOR BROADCAST_ARGS BUCKETIZE CALL_ONCE CEIL COMPLEX_ABS "
        "CONV_3D CONV_3D_TRANSPOSE COS CUMSUM DENSIFY DILATE DYNAMIC_UPDATE_SLICE ELU EMBEDDING_LOOKUP_SPARSE "
        "EXPAND_DIMS FLOOR HARD_SWISH HASHTABLE HASHTABLE_FIND HASHTABLE_IMPORT HASHTABLE_LOOKUP HASHTABLE_SIZE "
        "IF IMAG L2_POOL_2D LOCAL_RESPONSE_NORMALIZATION LOGICAL_AND LOGICAL_NOT LOGICAL_OR LSH_PROJECTION "
        "MATRIX_DIAG MATRIX_SET_DIAG MULTINOMIAL NEG NON_MAX_SUPPRESSION_V4 NON_MAX_SUPPRESSION_V5 ONE_HOT POW "
        "PRELU RANDOM_STANDARD_NORMAL RANDOM_UNIFORM RANK READ_VARIABLE REAL REDUCE_ALL REDUCE_ANY REDUCE_WINDOW "
        "RELU_0_TO_1 RELU_N1_TO_1 RESHAPE REVERSE_SEQUENCE RFFT2D RIGHT_SHIFT ROUND SCATTER_ND SEGMENT_SUM SHAPE "
        "SIN SKIP_GRAM SQRT SQUARE STABLEHLO_ADD STABLEHLO_GATHER STABLEHLO_MAXIMUM STABLEHLO_MINIMUM "
        "STABLEHLO_MULTIPLY STABLEHLO_PAD STABLEHLO_REDUCE_WINDOW STABLEHLO_RNG_BIT_GENERATOR STABLEHLO_SCATTER "
        "UNIQUE UNSORTED_SEGMENT_MAX UNSORTED_SEGMENT_MIN UNSORTED_SEGMENT_PROD UNSORTED_SEGMENT_SUM VAR_HANDLE "
        "WHILE ZEROS_LIKE"
    ),
    2: (
        "DEPTH_TO_SPACE DIV EXP FAKE_QUANT FLOOR_MOD GELU GREATER L2_NORMALIZATION LEAKY_RELU LESS_EQUAL LOG "
        "LOG_SOFTMAX RANGE REDUCE_PROD SELECT_V2 SIGN SPACE_TO_DEPTH SPLIT_V SQUARED_DIFFERENCE SQUEEZE SUM WHERE"
    ),
    3: (
        "ARG_MAX ARG_MIN AVERAGE_POOL_2D BIDIRECTIONAL_SEQUENCE_LSTM BIDIRECTIONAL_SEQUENCE_RNN BROADCAST_TO "
        "EMBEDDING_LOOKUP FLOOR_DIV GREATER_EQUAL LESS LOGISTIC MAX_POOL_2D MEAN MIRROR_PAD NOT_EQUAL QUANTIZE "
        "REDUCE_MAX REDUCE_MIN RELU RELU6 REVERSE_V2 RNN RSQRT SOFTMAX SPARSE_TO_DENSE TANH TILE TOPK_V2 "
        "UNIDIRECTIONAL_SEQUENCE_RNN"
    ),
    4: (
        "BATCH_MATMUL BATCH_TO_SPACE_ND CONCATENATION EQUAL FILL LSTM MAXIMUM MINIMUM PACK PAD PADV2 "
        "RESIZE_BILINEAR RESIZE_NEAREST_NEIGHBOR SELECT SPACE_TO_BATCH_ND SPLIT SVDF UNIDIRECTIONAL_SEQUENCE_LSTM "
        "UNPACK"
    ),
    5: "ABS ADD DEQUANTIZE GATHER_ND SUB TRANSPOSE_CONV",
    6: "CAST SLICE TRANSPOSE",
    7: "DEPTHWISE_CONV_2D GATHER MUL",
    8: "CONV_2D STRIDED_SLICE",
    11: "FULLY_CONNECTED",
}
#: Operation -> the highest version of it that the runtime loads.
NEWEST_VERSIONS = {name: version for version, names in _NEWEST.items() for name in names.split()}
#: The custom operations that the runtime brings along.
_CUSTOM = frozenset({"AudioSpectrogram", "Mfcc", "NumericVerify", "TFLite_Detection_PostProcess"})
#: Tensor types go up to INT4; a file with a later one (BFLOAT16 is the next) is refused.
_LAST_TENSOR_TYPE = 17


def too_new(artifact: Path) -> list[str]:
    """What the runtime in the APK would refuse of a file, one sentence each; nothing where it loads it.

    Raises:
        InputError: The file is missing, damaged, or no TFLite file.
    """
    tflite_file.read(artifact)  # after the runtime's own verifier, no offset read below leads out of the file
    from ai_edge_litert import schema_py_generated as schema

    model = schema.Model.GetRootAs(artifact.read_bytes(), 0)
    names = tflite_file.names_of(schema.BuiltinOperator)
    problems = []
    for index in range(model.OperatorCodesLength()):
        code = model.OperatorCodes(index)
        number = max(code.BuiltinCode(), code.DeprecatedBuiltinCode())
        name = names.get(number, f"of code {number}")
        if name == "CUSTOM":
            custom = (code.CustomCode() or b"").decode(errors="replace")
            if custom not in _CUSTOM:
                problems.append(f"custom operation {custom}: TFLite {RUNTIME_VERSION} has none of this name")
        elif name not in NEWEST_VERSIONS:
            problems.append(f"operation {name}: TFLite {RUNTIME_VERSION} has none of this name")
        elif code.Version() > NEWEST_VERSIONS[name]:
            newest = NEWEST_VERSIONS[name]
            problems.append(f"{name} version {code.Version()}: TFLite {RUNTIME_VERSION} knows it up to {newest}")
    types = tflite_file.names_of(schema.TensorType)
    graphs = [model.Subgraphs(index) for index in range(model.SubgraphsLength())]
    used = {graph.Tensors(index).Type() for graph in graphs for index in range(graph.TensorsLength())}
    later = sorted(code for code in used if code > _LAST_TENSOR_TYPE)
    return problems + [
        f"tensors of {types.get(code, code)}: TFLite {RUNTIME_VERSION} has no such type" for code in later
    ]
