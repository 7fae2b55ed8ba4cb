"""Input files: TOML to a simulation, and what is said of a file that is wrong."""
