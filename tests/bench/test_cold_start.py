"""What a cold start is compared with: the clients that the function makes, and no others."""

from sagactl.bench import cold_start
from sagactl.paths import PROJECT


def test_a_client_is_seen_whatever_it_is_made_with() -> None:
    own = 'boto3.client("dynamodb", config=None)'
    _, text = cold_start._run(cold_start._PRINT_CLIENTS.format(own=own), PROJECT, cold_start._SETTINGS)
    assert text.split() == ["dynamodb"]
