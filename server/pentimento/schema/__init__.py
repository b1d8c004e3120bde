"""The records that travel: jobs, tasks, answers, and their wording. Pure data."""
