"""What a machine does while it is measured."""
