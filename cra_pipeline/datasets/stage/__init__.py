"""What the datasets stage reads and writes, one module for each asset."""
