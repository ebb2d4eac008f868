"""The sub-commands of `fpga`, one module each."""
