"""What can be done to an expression without knowing any operation by name: shape, value, entry, derivative, pullback, simplification."""
