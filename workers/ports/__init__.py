"""What the processes need from outside: one Protocol per system, with its values. Standard library only."""
