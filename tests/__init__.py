"""Tests run with gRPC set up as the programs set it up, which is only possible before it is imported."""

from workers.runtime.transport import tune_grpc

tune_grpc()
