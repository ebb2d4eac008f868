"""The policy pack: rules that a preview or an update of a stack must not break (`--policy-pack policy`)."""
