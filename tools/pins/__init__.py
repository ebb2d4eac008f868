"""What the project is pinned to, and the two commands that renew it: `python -m tools.pins.lock`,
`python -m tools.pins.pulumi`.
"""
