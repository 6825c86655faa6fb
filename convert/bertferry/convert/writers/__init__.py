"""Writers, one a container."""
