"""What is made of the engine's records: one module for each subject, set-based statements per batch.

Each takes the news of a batch, all of one partition and in its order, and must lead to the same rows whatever
batches a partition's records come in: then a rebuild gives what was there.
"""
