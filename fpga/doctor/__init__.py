"""The examination of a machine: facts are measured (`measures`), and judged by plain functions (`checks`)."""
