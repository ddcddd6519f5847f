"""One file per format: from what a file is to the document in it."""
