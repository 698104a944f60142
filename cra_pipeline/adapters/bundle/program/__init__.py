"""The bundle's own program: it travels with the data and knows nothing of this project."""
