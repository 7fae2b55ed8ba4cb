"""What a checkpoint is on the disk: array files, a manifest, and the folder that holds both."""
