"""What the services say to each other. They share this and the kernel, and nothing else."""
