"""docs/aws.md, from deploying to deleting, with LocalStack in AWS's place."""

import re
import textwrap

from cfnlint.api import lint
from support.documents import blocks, commands, follow, script
from support.ports import free_port

from sagactl.local import localstack
from sagactl.paths import PROJECT
from sagactl.stack import aws
from sagactl.stack.deploy import architecture
from sagactl.stack.deployed_stack import Stack

PAGE = PROJECT / "docs/aws.md"


def test_every_command_works() -> None:
    page = [block._replace(text=re.sub(r" --aws\b(?!-)", "", block.text)) for block in commands(PAGE, "aws")]
    until_alarms = next(number for number, block in enumerate(page) if "describe-alarms" in block.text)
    # LocalStack's functions are processes of this machine.
    here = f"--config-env aws --parameter-overrides Architecture={architecture()} ArchiveDays=30"
    with localstack.running(free_port()) as endpoint:
        where = aws.Target(endpoint)
        does(script(page[:until_alarms]).replace("--config-env aws", here), where.port)
        # LocalStack's CloudFormation makes no archive; and what is in one, it fails to replay, so this one is empty.
        events = where.client("events")
        events.create_archive(ArchiveName="saga", EventSourceArn=events.describe_event_bus(Name="saga")["Arn"])
        others = [another_table(where, name) for name in ("saga-two-OrderTable", "saga-OrderTable-REDEPLOYED")]
        own = {name for _, name in Stack(where, {}).resources("AWS::DynamoDB::Table")}
        does(script(page[until_alarms:]), where.port)
        left = where.client("dynamodb").list_tables()["TableNames"]
        assert own
        assert not own & {*left}
        assert {*others} <= {*left}


def another_table(where: aws.Target, name: str) -> str:
    """A table that no stack of this name has, though it is called like one."""
    keys = {
        "AttributeDefinitions": [{"AttributeName": "orderId", "AttributeType": "S"}],
        "KeySchema": [{"AttributeName": "orderId", "KeyType": "HASH"}],
    }
    where.client("dynamodb").create_table(TableName=name, BillingMode="PAY_PER_REQUEST", **keys)
    return name


def does(text: str, port: int) -> None:
    done = follow(text, port)
    print(done.stdout)
    assert done.returncode == 0, done.stderr[-3000:]


def test_a_gradual_deployment_is_valid() -> None:
    (block,) = [block for block in blocks(PAGE) if block.language == "yaml"]
    template = (PROJECT / "template.yaml").read_text()
    gradual = template.replace("  Function:\n", "  Function:\n" + textwrap.indent(block.text, "    "), 1)
    assert gradual != template
    assert lint(gradual) == []
