"""The preview that a reviewer reads: the engine's events turned into a plan, and the plan into words.

`fpga.plan.runner.preview` runs the engine; all else is pure. A plan holds no secret and no path of the
machine that made it: it may be put where others read it.
"""
