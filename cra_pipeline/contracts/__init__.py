"""The shapes: every Parquet row, JSONL line and manifest, and the ports."""
