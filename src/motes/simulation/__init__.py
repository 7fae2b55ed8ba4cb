"""What a user holds: a simulation, what can be read of it, and what happens when it fails or goes on."""
