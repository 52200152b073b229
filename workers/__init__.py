"""Job workers of orderops: one module per process at this level, technique one level down."""
