"""Structured pruning: dependency graph, importance, widths, fine-tuning by distillation."""
