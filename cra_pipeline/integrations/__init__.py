"""One tool per file; knows the contracts, never a stage."""
