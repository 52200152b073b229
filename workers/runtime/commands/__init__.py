"""The commands of `orderops`, one module per group; each registers itself on the command line's app."""
