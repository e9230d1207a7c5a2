"""What the user writes for a store is bound to what its backend declares, or refused with the nearest name."""

import pytest

from opsctl.errors import UsageError
from opsctl.storage.backends.azure import AzureOptions
from opsctl.storage.backends.gcs import GCSOptions
from opsctl.storage.backends.s3 import S3Options
from opsctl.storage.options import bind_options


def test_options_are_bound_and_the_rest_keeps_its_default() -> None:
    bound = bind_options({"endpoint": "http://x", "anonymous": True}, S3Options, scheme="s3")
    assert bound == S3Options(endpoint="http://x", anonymous=True)
    assert bound.checksum == "when_supported"


@pytest.mark.parametrize(
    ("scheme", "model", "wrong", "near"),
    [
        ("s3", S3Options, "endpont", "endpoint"),
        ("s3", S3Options, "requester-pays", "requester_pays"),
        ("gs", GCSOptions, "projekt", "project"),
        ("az", AzureOptions, "acount", "account"),
    ],
)
def test_an_unknown_option_is_refused_with_the_nearest(scheme: str, model: type, wrong: str, near: str) -> None:
    with pytest.raises(UsageError, match=f"{wrong}.*{scheme}://") as caught:
        bind_options({wrong: "x"}, model, scheme=scheme)
    assert f"did you mean '{near}'" in caught.value.hint


def test_an_unknown_option_that_is_near_nothing_lists_what_there_is() -> None:
    with pytest.raises(UsageError) as caught:
        bind_options({"colour": "x"}, AzureOptions, scheme="az")
    assert caught.value.hint == "known: account, anonymous, endpoint"


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"region": 1}, "'region'.*expected `str`"),
        ({"anonymous": "yes"}, "'anonymous'.*expected `bool`"),
        ({"addressing": "sideways"}, "'addressing'.*sideways"),
        ({"conditional": 1}, "'conditional'"),
    ],
)
def test_a_value_of_the_wrong_type_is_refused_by_name(given: dict[str, str | bool | int], said: str) -> None:
    with pytest.raises(UsageError, match=said):
        bind_options(given, S3Options, scheme="s3")


def test_no_option_of_any_backend_could_hold_a_secret() -> None:
    names = {name for model in (S3Options, AzureOptions, GCSOptions) for name in model.__struct_fields__}
    assert not [name for name in names if any(word in name for word in ("key", "secret", "token", "sas", "password"))]
