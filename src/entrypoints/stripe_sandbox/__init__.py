"""A stateful stand-in for Stripe that only ever speaks HTTP.

It shares no code with what it is used to test: nothing of ours is imported here, and
neither is Stripe's own library.
"""
