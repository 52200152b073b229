"""What plain pyzeebe falls into, on a gateway that misbehaves, and that our host does not."""
