"""What runs, when, and where: jobs, the queue of tasks, and the workers that run them."""
