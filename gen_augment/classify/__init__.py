"""Classifiers that use the class scores of a sampler."""

from gen_augment.classify.generative import GenerativeClassifier

__all__ = ["GenerativeClassifier"]
