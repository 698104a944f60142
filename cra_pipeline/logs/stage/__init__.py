"""Input and output of log analysis: snapshots of raw databases, and training plans."""
