"""Release a family: each model of a manifest as one folder, in warm processes that several hosts can share."""
