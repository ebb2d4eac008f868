"""The project's pins, and the two commands that renew them: `python -m tools.pins.lock`,
`python -m tools.pins.pulumi`.
"""
