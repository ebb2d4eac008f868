"""The built-in featurizer and the default model package, made once of published weights."""

from localcloud.featurizers.builder import BuiltModel, ModelSourceError, build, key

__all__ = ["BuiltModel", "ModelSourceError", "build", "key"]
