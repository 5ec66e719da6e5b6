"""What every program stands on: frame, errors, progress, artifacts."""
