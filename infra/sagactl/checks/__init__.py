"""What must hold between code, template and contracts. `python -m sagactl.checks` prints what does not."""
