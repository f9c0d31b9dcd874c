"""The `saga` command: starts LocalStack, deploys the stack, and shows what orders do."""
