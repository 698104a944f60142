"""A small agent that speaks the Clean Room Agent's protocol, for where that is not installed.

Inside the sandbox it runs as the top-level module ``stand_in`` of a bare interpreter: standard
library only, siblings imported relatively.
"""
