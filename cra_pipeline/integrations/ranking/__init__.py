"""Files of real histories, ready to be ranked."""
