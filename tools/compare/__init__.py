"""Compares two versions of Hourglass by what can be seen from outside."""
