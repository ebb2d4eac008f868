"""What checks the project itself, and is no part of it."""
