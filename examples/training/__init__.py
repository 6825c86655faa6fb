"""The training loop of the examples: AdamW with warm-up and linear decay, evaluation, early stopping, checkpoints.

`seeding.seed_everything` comes before a model is built; `loop.train` trains it.
"""
