"""The model that localcloud serves, turned once from published weights into ONNX."""

from localcloud.featurizers.builder import BuiltModel, ModelSourceError, build, key

__all__ = ["BuiltModel", "ModelSourceError", "build", "key"]
