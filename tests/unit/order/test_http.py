"""Orders over HTTP on AWS, emulated by moto: API Gateway's request, then the item, the event and the response."""

import json

from support.emulation import Aws

from sagactl.design import openapi
from sagactl.design.template import functions
from sagactl.local.in_process import request

WANTED = {"productId": "apple", "quantity": 2, "amount": 49.9}


def test_a_posted_order_is_written_and_told(aws: Aws) -> None:
    response = aws.invoke("order.http", request("POST", "/orders", json.dumps(WANTED)))

    assert response["statusCode"] == 202
    answer = json.loads(response["body"])
    assert answer["status"] == "PENDING"
    assert aws.item("OrderTable", orderId=answer["orderId"])["status"] == "PENDING"
    [event] = aws.told()
    assert (event["source"], event["detail-type"]) == ("saga.order", "OrderCreated")
    assert event["detail"]["orderId"] == answer["orderId"]


def test_an_order_can_be_looked_up(aws: Aws) -> None:
    placed = json.loads(aws.invoke("order.http", request("POST", "/orders", json.dumps(WANTED)))["body"])

    response = aws.invoke("order.http", request("GET", f"/orders/{placed['orderId']}"))

    assert response["statusCode"] == 200
    order = json.loads(response["body"])
    assert order | WANTED | placed == order


def test_an_order_without_a_product_is_refused(aws: Aws) -> None:
    response = aws.invoke("order.http", request("POST", "/orders", json.dumps({"quantity": 2, "amount": 49.9})))

    assert response["statusCode"] == 400
    assert json.loads(response["body"])["problems"] == ["productId: missing"]
    assert aws.told() == []


def test_an_order_can_be_cancelled(aws: Aws) -> None:
    placed = json.loads(aws.invoke("order.http", request("POST", "/orders", json.dumps(WANTED)))["body"])
    aws.told()

    response = aws.invoke("order.http", request("POST", f"/orders/{placed['orderId']}/cancel"))

    assert response["statusCode"] == 202
    assert json.loads(response["body"]) == {"orderId": placed["orderId"], "status": "PENDING"}
    assert "cancelledAt" in aws.item("OrderTable", orderId=placed["orderId"])
    [event] = aws.told()
    assert (event["source"], event["detail-type"]) == ("saga.order", "OrderCancelled")


def test_api_gateway_has_the_routes_that_are_documented() -> None:
    [function] = [function for function in functions() if function.module == "order.http"]
    routes = [event["Properties"] for event in function.events.values() if event["Type"] == "Api"]
    found = {(route["Path"], route["Method"].lower()) for route in routes}
    documented = openapi.document()["paths"].items()
    assert found == {(path, method) for path, methods in documented for method in methods}
    assert all(route["RestApiId"] == {"Ref": "Api"} for route in routes)
