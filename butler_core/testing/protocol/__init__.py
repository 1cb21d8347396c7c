"""The journal protocol as a model: explored to the end, and compared with what the code does.

`scenarios` says who runs beside whom, `guards` what must not be left out; ``python -m butler_core.testing.protocol`` explores
them and prints the shortest schedule that goes wrong without each guard.  `recorder` and `paths` check that what a butler did is
a path of the model, whatever its backends are; `stepper` makes it do so in a given order.
"""
