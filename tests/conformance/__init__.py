"""The SBML Test Suite and deposited models, run with this package."""
