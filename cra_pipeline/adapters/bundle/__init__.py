"""What goes into a base bundle, how it is packed, and what must hold of what comes back."""
