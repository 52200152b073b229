"""What `orderops mock` lets people do in the mocked outside world, by who does it there."""
