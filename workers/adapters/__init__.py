"""The ports, implemented one per file: the mocked outside world, and pure mappings that a real one would use."""
