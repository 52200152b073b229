"""`make soak`: everything is killed at random while orders come in; the invariants are held against the books."""
