"""The samples as callers of a localcloud, each in its own language."""
