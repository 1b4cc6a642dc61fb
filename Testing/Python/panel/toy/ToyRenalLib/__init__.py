"""A real, tiny stand-in for RenalParenchyma's model: labels by gray value, everything else as the real one.

What a volume is called decides what happens to it: "slow" takes a minute, "dies" ends the worker, "refused" is refused.
"""
