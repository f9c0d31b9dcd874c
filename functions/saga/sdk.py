"""How the functions' clients call AWS. What hangs is given up while there is still time to say so in a log line.

boto3's own time-outs are 60 s each, longer than a function may run, and its retries are whatever the runtime's version
has as its default.
"""

from botocore.config import Config

CONNECT_SECONDS = 1
READ_SECONDS = 2
ATTEMPTS = 3  # of one call, the first included
PAUSES_SECONDS_MAX = 3  # between them, all together: at most 1 s, then 2 s

CONFIG = Config(
    connect_timeout=CONNECT_SECONDS,
    read_timeout=READ_SECONDS,
    retries={"mode": "standard", "total_max_attempts": ATTEMPTS},
    max_pool_connections=32,  # as many threads may share a client
)
