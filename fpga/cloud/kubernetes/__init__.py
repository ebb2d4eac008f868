"""Manifests of Kubernetes: localcloud with its edge, and a Ray cluster of KubeRay. Pure, but for `files`.

Sources: Kubernetes API 1.37, KubeRay 1.7 (`ray.io/v1`), cert-manager 1.21 (`cert-manager.io/v1`).
"""
