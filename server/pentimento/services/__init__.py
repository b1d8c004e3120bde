"""Jobs through services on the network, for people without a GPU.

A service is a record (`adapters/NAME.toml`: what it can, takes and costs) and an adapter
(`adapters/NAME.py`: how it is spoken to). Everything else is the same for all of them: `routing`
finds the way for a job, `frames` and `pictures` bring pictures to the service's sizes and back,
`session` speaks HTTP safely, `keys`, `settings` and `spending` keep what the user allowed.
"""
