"""A dashboard a file: `BOARD` is found by its being here."""
