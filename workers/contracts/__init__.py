"""What each process and its diagram say to each other, one module per process: plain data, no behaviour."""
