"""A stand-in for Pulumi's azure-native resource plugin: an ARM client with the program's few types.

The official plugin's binary comes from Pulumi's download host alone. Where that host cannot be reached, the
engine starts this one in its place: same type tokens, same property names, same configuration.
"""

VERSION = "3.29.0"
"""Version of the azure-native SDK whose types this plugin answers to."""
