"""Workers for the two-task process, each in a process of its own: our host, plain pyzeebe, the Java client."""
