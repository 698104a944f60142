"""Serving on this machine: servers for what the registry says, behind one gateway."""
