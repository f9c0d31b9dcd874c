"""`saga load` on the deployed stack: all orders close, and the books balance."""

import json

from support.driver import Saga


def test_load_says_what_became_of_every_order(saga: Saga) -> None:
    said = saga.run("load", "--orders", "6", "--rate", "20", "--products", "2", "--json")
    assert said.exit_code == 0, said.output
    answer = json.loads(said.stdout)
    assert answer["outcomes"] == {"COMPLETED": 6}
    assert answer["problems"] == []
    assert 0 < answer["p50_seconds"] <= answer["p99_seconds"]
    for number in (1, 2):
        key = {"productId": {"S": f"load-{number}"}}
        saga.stack.client("dynamodb").delete_item(TableName=saga.stack.outputs["StockTable"], Key=key)
