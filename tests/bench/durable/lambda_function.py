"""The durable function as it is deployed: the tasks of the state machines lie beside it."""

from importlib import import_module

from bench.durable.saga import SERVICES, in_steps, of_services, saga

handler = saga(in_steps(of_services({name: import_module(name).handler for name in SERVICES.values()})))
