"""What an adapter must show on the holdout before it serves, and the statistics of it."""
