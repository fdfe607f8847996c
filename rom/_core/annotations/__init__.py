"""Models declared by annotations: from the types of a class body to its columns."""
