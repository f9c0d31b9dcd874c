"""S3 for LocalStack that keeps its objects in LocalStack's own temporary folder.

Without this they would be in one folder of /tmp, whose owner is the first on this machine who has started a LocalStack:
nobody else could deploy anything.
"""

from localstack.services.plugins import Service, aws_provider


@aws_provider(api="s3", name="own_folder")
def s3() -> Service:
    from localstack.services.s3.provider import S3Provider  # noqa: PLC0415  # takes long: only once S3 is asked for
    from localstack.services.s3.storage.ephemeral import EphemeralS3ObjectStore  # noqa: PLC0415  # likewise

    return Service.for_provider(S3Provider(EphemeralS3ObjectStore()))
