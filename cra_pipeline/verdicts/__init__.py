"""Which answers of an attempt are to be followed, which lost, and whose fault that was. Pure."""
