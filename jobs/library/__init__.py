"""The jobs that ship, one file each."""
