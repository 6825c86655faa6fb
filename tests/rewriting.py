"""Rewrites checkpoints with TensorFlow, to give them contents that this project does not write."""

from pathlib import Path

from judges import tf


def rewrite(directory: Path, change) -> None:
    """Rewrites the checkpoint after a change to its dict of tensors."""
    prefix = str(directory / "bert_model.ckpt")
    reader = tf.train.load_checkpoint(prefix)
    tensors = {name: reader.get_tensor(name) for name in reader.get_variable_to_shape_map()}
    change(tensors)
    names = sorted(tensors)
    tf.raw_ops.SaveV2(
        prefix=prefix,
        tensor_names=names,
        shape_and_slices=[""] * len(names),
        tensors=[tf.constant(tensors[name]) for name in names],
    )
