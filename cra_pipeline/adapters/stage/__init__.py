"""The world of adapters: datasets in, trained and vetted weights out."""
