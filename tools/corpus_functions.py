"""SavedModels of functions of one input, for tools/saved_models.py: each computes all functions of its group."""

from collections.abc import Callable, Mapping
from typing import Any

import tensorflow as tf
from corpus_modules import INTEGERS, LONG, Made, X, spec

Functions = Mapping[str, Callable[..., Any]]
BYTES = spec("x", None, 4, dtype=tf.uint8)
FLAGS = spec("x", None, 4, dtype=tf.bool)
IMAGES = spec("x", None, 16, 16, 3)
MATRICES = spec("x", None, 4, 4)
TEXTS = spec("x", None, dtype=tf.string)
SIGNAL = spec("x", None, 16)
RAGGED = tf.RaggedTensorSpec([None, None], tf.float32)
SPARSE = tf.SparseTensorSpec([None, 4], tf.float32)


def _of(given: Any, functions: Functions) -> Callable[[], Made]:  # noqa: ANN401 - a spec of any kind
    def make() -> Made:
        return lambda x: {name: function(x) for name, function in functions.items()}, [given], []

    return make


def _positive(x: tf.Tensor) -> tf.Tensor:
    return tf.abs(x) + 0.1


ELEMENTWISE: Functions = {
    **{name: getattr(tf.math, name) for name in ("rint", "floor", "ceil", "sign", "exp", "expm1", "sin", "cos")},
    **{name: getattr(tf.math, name) for name in ("tan", "atan", "sinh", "cosh", "asinh", "erf", "sigmoid")},
    "log1p": lambda x: tf.math.log1p(_positive(x)),
    "rsqrt": lambda x: tf.math.rsqrt(_positive(x)),
    "reciprocal": lambda x: tf.math.reciprocal(_positive(x)),
    "asin": lambda x: tf.asin(tf.tanh(x)),
    "acosh": lambda x: tf.acosh(_positive(x) + 1),
    "atan2": lambda x: tf.atan2(x, x[:, ::-1]),
    "pow": lambda x: tf.pow(_positive(x), 0.7),
    "clip": lambda x: tf.clip_by_value(x, -0.5, 0.5),
    "divide": lambda x: tf.math.divide_no_nan(x, tf.nn.relu(x)),
    "xlogy": lambda x: tf.math.xlogy(tf.nn.relu(x), _positive(x)),
    "selu": tf.nn.selu,
    "leaky": lambda x: tf.nn.leaky_relu(x, 0.3),
    "log_sigmoid": tf.math.log_sigmoid,
}
REDUCTIONS: Functions = {
    "logsumexp": lambda x: tf.reduce_logsumexp(x, 1),
    "deviation": lambda x: tf.math.reduce_std(x, 1),
    "variance": lambda x: tf.math.reduce_variance(x, 0),
    "norm": lambda x: tf.math.reduce_euclidean_norm(x, 1),
    "product": lambda x: tf.reduce_prod(x, 1),
    "any": lambda x: tf.reduce_any(x > 0, 1),
    "unit": lambda x: tf.math.l2_normalize(x, 1),
    "clipped": lambda x: tf.clip_by_norm(x, 1.0),
    "moments": lambda x: tf.nn.moments(x, [0, 1])[1],
    "zero_fraction": lambda x: tf.math.zero_fraction(tf.nn.relu(x)),
    "cross_entropy": lambda x: tf.nn.softmax_cross_entropy_with_logits(tf.nn.softmax(x), x),
    "sigmoid_entropy": lambda x: tf.nn.sigmoid_cross_entropy_with_logits(tf.ones_like(x), x),
    "l2_loss": tf.nn.l2_loss,
    "cumsum": lambda x: tf.cumsum(x, 1, exclusive=True, reverse=True),
}
SORTING: Functions = {
    "top": lambda x: tf.math.top_k(x, 3)[0],
    "places": lambda x: tf.math.top_k(x, 3)[1],
    "descending": lambda x: tf.sort(x, direction="DESCENDING"),
    "order": lambda x: tf.argsort(x, stable=True),
    "least": lambda x: tf.argmin(x, 0, output_type=tf.int32),
    "bounds": lambda x: tf.searchsorted(tf.constant([-1.0, 0.0, 1.0]), tf.reshape(x, [-1])),
    "counts": lambda x: tf.unique_with_counts(tf.cast(tf.reshape(x, [-1]), tf.int32))[2],
}
SHAPES: Functions = {
    "roll": lambda x: tf.roll(x, -3, 1),
    "reverse": lambda x: tf.reverse(x, [1]),
    "tile": lambda x: tf.tile(x, [2, 1]),
    "repeat": lambda x: tf.repeat(x, [1, 2, 0, 1], 1),
    "reflect": lambda x: tf.pad(x, [[0, 0], [2, 1]], "REFLECT"),
    "symmetric": lambda x: tf.pad(x, [[0, 0], [2, 1]], "SYMMETRIC"),
    "constant": lambda x: tf.pad(x, [[1, 0], [2, 1]], constant_values=3.0),
    "strides": lambda x: x[..., 1:-1:2],
    "new_axis": lambda x: x[:, tf.newaxis, -3:],
    "last": lambda x: x[-1],
    "split": lambda x: tf.split(x, [1, 3], 1)[1],
    "stack": lambda x: tf.stack([x, x * 2], 1),
    "broadcast": lambda x: tf.broadcast_to(x[:, None], [tf.shape(x)[0], 2, 4]),
    "range": lambda x: tf.range(0.0, tf.cast(tf.size(x), tf.float32), 0.5),
    "gather": lambda x: tf.gather_nd(x, [[0, 1], [0, 2]]),
    "mask": lambda x: tf.boolean_mask(x, x > 0),
    "where": lambda x: tf.where(x > 0),
    "sequence_mask": lambda x: tf.sequence_mask([1, 3, 2], 4),
}
COUNTS: Functions = {
    "quotient": lambda x: tf.truncatediv(x, tf.constant(3, x.dtype)),
    "floor": lambda x: x // 3,
    "modulus": lambda x: x % -3,
    "overflow": lambda x: x * 65537,
    "absolute": tf.abs,
    "greatest": lambda x: tf.reduce_max(x, 1),
    "mean": lambda x: tf.reduce_mean(x, 1),
    "sum": lambda x: tf.cumsum(x, 1),
    "place": lambda x: tf.argmax(x, 1),
    "equal": lambda x: tf.equal(x, x[:, ::-1]),
    "sort": tf.sort,
    "xor": lambda x: tf.bitwise.bitwise_xor(x, x[:, ::-1]),
    "float": lambda x: tf.cast(x, tf.float32),
    "ratio": lambda x: x / 7,
    "looked_up": lambda x: tf.gather(tf.constant([10, 20, 2**24 + 1], x.dtype), tf.math.floormod(x, 3)),
    "one_hot": lambda x: tf.one_hot(x, 5, axis=1),
    "segments": lambda x: tf.math.unsorted_segment_sum(x, tf.range(tf.shape(x)[0]) // 2, 2),
    "mapped": lambda x: tf.map_fn(lambda row: row // 3, x),
}
SMALL: Functions = {
    name: COUNTS[name] for name in ("floor", "modulus", "greatest", "place", "equal", "sort", "float", "sum")
}
OF_FLAGS: Functions = {
    "any": lambda x: tf.reduce_any(x, 1),
    "count": lambda x: tf.math.count_nonzero(x, 1),
    "chosen": lambda x: tf.where(x, ~x, x),
    "joined": lambda x: tf.concat([x, ~x], 1),
    "looped": lambda x: tf.while_loop(lambda k, c: k < 3, lambda k, c: (k + 1, ~c), [0, x])[1],
}
OF_IMAGES: Functions = {
    "flipped": tf.image.flip_left_right,
    "turned": tf.image.rot90,
    "gray": tf.image.rgb_to_grayscale,
    "brighter": lambda x: tf.image.adjust_brightness(x, 0.1),
    "contrast": lambda x: tf.image.adjust_contrast(x, 2.0),
    "yuv": tf.image.rgb_to_yuv,
    "standard": tf.image.per_image_standardization,
    "padded": lambda x: tf.image.resize_with_crop_or_pad(x, 8, 20),
    "central": lambda x: tf.image.central_crop(x, 0.5),
    "edges": tf.image.sobel_edges,
    "depth": lambda x: tf.nn.space_to_depth(x, 2),
    "batch": lambda x: tf.space_to_batch(x, [2, 2], [[0, 0], [0, 0]]),
    "atrous": lambda x: tf.nn.atrous_conv2d(x, tf.ones([3, 3, 3, 2]), 2, "SAME"),
}
PRODUCTS: Functions = {
    "both": lambda x: tf.matmul(x, x, transpose_b=True, adjoint_a=True),
    "three": lambda x: tf.einsum("bij,bjk,bkl->bil", x, x, x),
    "diagonal": lambda x: tf.einsum("bii->bi", x),
    "dots": lambda x: tf.tensordot(x, x[0], [[1], [1]]),
    "determinant": tf.linalg.det,
    "trace": tf.linalg.trace,
    "from_diagonal": lambda x: tf.linalg.diag(x[:, 0], k=1),
    "other_diagonal": lambda x: tf.linalg.set_diag(x, x[:, 0]),
    "lower": lambda x: tf.linalg.band_part(x, -1, 0),
}
OF_RAGGED: Functions = {
    "sum": lambda x: tf.reduce_sum(x, 1),
    "padded": lambda x: x.to_tensor(),
    "lengths": lambda x: x.row_lengths(),
}
LABELS = ("cat", "dog", "cow", "pig")
GROUPS: Mapping[str, tuple[Any, Functions]] = {
    "functions of an element": (X, ELEMENTWISE),
    "reductions, losses": (X, REDUCTIONS),
    "sorting, searching": (X, SORTING),
    "slices, padding, masks": (X, SHAPES),
    "int32": (INTEGERS, COUNTS),
    "int64": (LONG, COUNTS),
    "int8": (spec("x", None, 4, dtype=tf.int8), SMALL),
    "uint8": (BYTES, SMALL),
    "flags": (FLAGS, OF_FLAGS),
    "images": (IMAGES, OF_IMAGES),
    "matrices": (MATRICES, PRODUCTS),
    "ragged sums": (RAGGED, OF_RAGGED),
    "ragged result": (RAGGED, {"twice": lambda x: x * 2}),
    "ragged rows of map_fn": (
        spec("x", None, dtype=tf.int32),
        {
            "y": lambda x: (
                tf.map_fn(tf.range, x, fn_output_signature=tf.RaggedTensorSpec([None], tf.int32)).flat_values
            )
        },
    ),
    "labels of classes": (X, {"label": lambda x: tf.gather(tf.constant(LABELS), tf.argmax(x, 1))}),
    "texts joined": (TEXTS, {"y": lambda x: tf.strings.join([x, "!"])}),
    "texts compared": (TEXTS, {"y": lambda x: x == "a"}),
    "texts split": (TEXTS, {"y": lambda x: tf.strings.split(x).flat_values}),
    "numbers as texts": (X, {"y": tf.strings.as_string}),
    "sparse to dense": (SPARSE, {"y": tf.sparse.to_dense}),
    "softmax over rows": (X, {"y": lambda x: tf.nn.softmax(x, 0), "log": tf.nn.log_softmax}),
    "inverse": (MATRICES, {"y": tf.linalg.inv}),
    "Cholesky": (MATRICES, {"y": tf.linalg.cholesky}),
    "singular values": (MATRICES, {"y": lambda x: tf.linalg.svd(x, compute_uv=False)}),
    "FFT": (SIGNAL, {"y": lambda x: tf.abs(tf.signal.fft(tf.cast(x, tf.complex64)))}),
    "inverse FFT": (SIGNAL, {"y": lambda x: tf.signal.irfft(tf.signal.rfft(x))}),
    "STFT": (SIGNAL, {"y": lambda x: tf.abs(tf.signal.stft(x, 8, 4))}),
    "image in HSV": (IMAGES, {"y": tf.image.rgb_to_hsv}),
    "image patches": (
        IMAGES,
        {"y": lambda x: tf.image.extract_patches(x, [1, 4, 4, 1], [1, 4, 4, 1], [1, 1, 1, 1], "VALID")},
    ),
    "crop_and_resize": (
        IMAGES,
        {"y": lambda x: tf.image.crop_and_resize(x, [[0.0, 0.0, 0.5, 0.5]], [0], [7, 7])},
    ),
    "random": (X, {"y": lambda x: x + tf.random.normal([4])}),
    "random, stateless": (X, {"y": lambda x: x + tf.random.stateless_normal([4], [1, 2])}),
    "Python function": (X, {"y": lambda x: tf.numpy_function(lambda a: a * 2, [x], tf.float32)}),
    "gradient": (X, {"y": lambda x: _gradient(x)}),
    "fake quantization": (X, {"y": tf.quantization.fake_quant_with_min_max_args}),
    "custom gradient": (X, {"y": tf.custom_gradient(lambda x: (tf.tanh(x), lambda upstream: upstream))}),
}


def _gradient(x: tf.Tensor) -> tf.Tensor:
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = tf.reduce_sum(tf.tanh(x))
    return tape.gradient(y, x)


MODULES: Mapping[str, Callable[[], Made]] = {
    name: _of(given, functions) for name, (given, functions) in GROUPS.items()
}
