"""What a job is (record), where it is kept (store) and when it runs (queue)."""
