"""Recipes, guards and training of adapters: from a dataset to weights that can be made again."""
