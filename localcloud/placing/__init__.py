"""Replicas of services on other machines, which Ray Serve places and heals.

This process knows no Ray: a child of it does (`driver`), and what runs on the nodes (`replica`).
"""
