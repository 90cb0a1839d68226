"""What somebody asked for: in a call, the environment, a block or a deployment."""
