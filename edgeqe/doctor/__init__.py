"""Examination of an installation: findings, problems, and a suggested fix for each."""
