"""How fast it is: `make bench`. Everything runs side by side on this machine, on one real broker."""
