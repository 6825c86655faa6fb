"""Writers, one per way of naming tensors."""
