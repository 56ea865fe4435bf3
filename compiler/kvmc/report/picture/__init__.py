"""A host as a drawn picture: what is in it (`model`), and how it becomes SVG or HTML."""
