"""The samples in other languages and environments, built outside of the checkout and run as callers."""
