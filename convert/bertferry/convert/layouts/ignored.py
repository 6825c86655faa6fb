"""Stored tensors that are not parameters of the network, by glob, with descriptions."""

TF1_TRAINING_STATE = {
    "*/adam_m": "optimizer slot",
    "*/adam_v": "optimizer slot",
    "*/Adam": "optimizer slot",
    "*/Adam_1": "optimizer slot",
    "*/AdamWeightDecayOptimizer*": "optimizer slot",
    "*/BERTAdam*": "optimizer slot",
    "beta1_power": "optimizer state",
    "beta2_power": "optimizer state",
    "global_step": "step counter",
}

OBJECT_STATE = {
    "*/.OPTIMIZER_SLOT/*": "optimizer slot",
    "optimizer/*": "optimizer state",
    "*/optimizer/*": "optimizer state",
    "save_counter": "save counter",
    "*/save_counter": "save counter",
}

HUGGINGFACE_BUFFERS = {
    "embeddings.position_ids": "position index buffer",
    "*.embeddings.position_ids": "position index buffer",
    "embeddings.token_type_ids": "segment id buffer",
    "*.embeddings.token_type_ids": "segment id buffer",
    "n_averaged": "count of averaged models",
    "[[]*": "beside the model in a training checkpoint",
}
