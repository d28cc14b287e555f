"""What the comparison is made of. `run` beside this folder is the command."""
