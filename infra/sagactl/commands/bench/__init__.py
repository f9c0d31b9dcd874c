"""`saga bench`: what a saga costs and how fast it is, measured."""
