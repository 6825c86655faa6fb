"""Stored tensors that are not parameters of the network, by glob, with descriptions."""

GLOBAL_STEP = "global_step"
TF1_TRAINING_STATE = {
    "*/adam_m": "optimizer slot",
    "*/adam_v": "optimizer slot",
    "*/Adam": "optimizer slot",
    "*/Adam_1": "optimizer slot",
    "*/AdamWeightDecayOptimizer*": "optimizer slot",
    "*/BERTAdam*": "optimizer slot",
    "*/LAMB*": "optimizer slot",
    "*/lamb_m": "optimizer slot",
    "*/lamb_v": "optimizer slot",
    "*/Momentum": "optimizer slot",
    "*/Adafactor*": "optimizer slot",
    "*/slot_v[cr]": "optimizer slot",
    "*/ExponentialMovingAverage": "average of the weights during training",
    "*/accum": "accumulated gradient",
    "*/gradient_accumulat*": "accumulated gradient",
    "beta1_power*": "optimizer state",
    "beta2_power*": "optimizer state",
    "*/beta1_power": "optimizer state",
    "*/beta2_power": "optimizer state",
    GLOBAL_STEP: "step counter",
    "local_step": "step counter",
    "accum_step": "step counter",
    "batch_finite": "state of mixed precision",
    "*loss_scale": "state of mixed precision",
    "good_steps": "state of mixed precision",
    "bad_steps": "state of mixed precision",
}

OBJECT_STATE = {
    "*/.OPTIMIZER_SLOT/*": "optimizer slot",
    "optimizer/*": "optimizer state",
    "*/optimizer/*": "optimizer state",
    "save_counter": "save counter",
    "*/save_counter": "save counter",
}

VARIABLE_STATE = {
    **OBJECT_STATE,
    "do_lower_case": "casing of the vocabulary",
    "*/do_lower_case": "casing of the vocabulary",
    "iteration": "step counter",
    "keras_api/*": "state of Keras",
}
"""Of files that are read by the names of their variables: Hub modules, models of Keras."""

KERAS_STATE = {
    "optimizer/*": "optimizer state",
    "*/optimizer/*": "optimizer state",
    "*/seed_generator/*": "state of dropout",
}

HUGGINGFACE_BUFFERS = {
    "embeddings.position_ids": "position index buffer",
    "*.embeddings.position_ids": "position index buffer",
    "embeddings.token_type_ids": "segment id buffer",
    "*.embeddings.token_type_ids": "segment id buffer",
    "n_averaged": "count of averaged models",
    "loss_fn.*": "of the loss in training",
    "*.loss_fn.*": "of the loss in training",
    "criterion.*": "of the loss in training",
    "*.criterion.*": "of the loss in training",
    "[[]*": "beside the model in a training checkpoint",
}
