"""Which account and credential is meant; every error of the SDK has one meaning; names that Azure would change."""

from typing import Any

import pytest
from azure.core import exceptions as sdk

from opsctl.errors import ConflictError, DeniedError, NotFoundError, OpsctlError, TransientError, UsageError
from opsctl.storage import open_store
from opsctl.storage.backends.azure import AzureOptions
from opsctl.storage.backends.azure.account import Account, find_account
from opsctl.storage.backends.azure.errors import translate, translate_read
from opsctl.storage.backends.azure.objects import check_name

NAME, HOST = "az://box/key", "shop.blob.core.windows.net:443"
CONNECTION = "DefaultEndpointsProtocol=https;AccountName=shop;AccountKey=c2VjcmV0;EndpointSuffix=core.windows.net"


def _find(environment: dict[str, str], **options: Any) -> Account:
    return find_account(AzureOptions(**options), environment, name="az://box")


@pytest.mark.parametrize(
    ("environment", "options", "expected"),
    [
        (
            {"AZURE_STORAGE_CONNECTION_STRING": CONNECTION},
            {},
            ("shop", "https://shop.blob.core.windows.net", "c2VjcmV0", ""),
        ),
        (
            {
                "AZURE_STORAGE_CONNECTION_STRING": "BlobEndpoint=http://127.0.0.1:1/dev;SharedAccessSignature=?sv=1&sig=x%3D"
            },
            {},
            ("dev", "http://127.0.0.1:1/dev", "", "sv=1&sig=x%3D"),
        ),
        (
            {"AZURE_STORAGE_ACCOUNT": "shop", "AZURE_STORAGE_KEY": "a2V5"},
            {},
            ("shop", "https://shop.blob.core.windows.net", "a2V5", ""),
        ),
        (
            {"AZURE_STORAGE_ACCOUNT": "shop", "AZURE_STORAGE_SAS_TOKEN": "?sv=1"},
            {},
            ("shop", "https://shop.blob.core.windows.net", "", "sv=1"),
        ),
        (
            {"AZURE_STORAGE_KEY": "a2V5"},
            {"endpoint": "http://127.0.0.1:10000/devstoreaccount1/"},
            ("devstoreaccount1", "http://127.0.0.1:10000/devstoreaccount1", "a2V5", ""),
        ),
        (
            {"AZURE_STORAGE_CONNECTION_STRING": CONNECTION},
            {"account": "other", "anonymous": True},
            ("other", "https://other.blob.core.windows.net", "", ""),
        ),
        (
            {"AZURE_STORAGE_CONNECTION_STRING": CONNECTION},
            {"account": "shop", "anonymous": True},
            ("shop", "https://shop.blob.core.windows.net", "", ""),
        ),
    ],
)
def test_the_account_is_the_one_that_is_meant(
    environment: dict[str, str], options: dict[str, Any], expected: tuple[str, ...]
) -> None:
    found = _find(environment, **options)
    assert (found.name, found.endpoint, found.key, found.sas) == expected
    assert found.token is None


def test_the_key_of_one_account_is_never_sent_to_another() -> None:
    environment = {"AZURE_STORAGE_ACCOUNT": "shop", "AZURE_STORAGE_KEY": "a2V5"}
    found = _find(environment, account="other")
    assert found.key == ""
    assert found.token is not None
    found.token.close()


def test_without_any_account_the_cure_is_named() -> None:
    with pytest.raises(UsageError, match="az://box: nothing says which storage account") as caught:
        _find({})
    assert "AZURE_STORAGE_ACCOUNT" in caught.value.hint
    with pytest.raises(UsageError, match="names no account"):
        _find({"AZURE_STORAGE_CONNECTION_STRING": "AccountKey=c2VjcmV0"})


def test_an_account_shows_no_secret() -> None:
    found = _find({"AZURE_STORAGE_CONNECTION_STRING": CONNECTION})
    assert "c2VjcmV0" not in repr(found)


def _answer(code: str, status: int, kind: type[sdk.HttpResponseError] = sdk.HttpResponseError) -> sdk.HttpResponseError:
    error: Any = kind("Server failed to authenticate the request. Signature 'c2VjcmV0'")
    error.status_code = status
    error.error_code = code
    return error  # type: ignore[no-any-return]  # built without its constructor's response


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (_answer("ContainerNotFound", 404), NotFoundError),
        (_answer("BlobNotFound", 404, sdk.ResourceNotFoundError), NotFoundError),
        (_answer("", 404, sdk.ResourceNotFoundError), NotFoundError),
        (_answer("AuthenticationFailed", 403, sdk.ClientAuthenticationError), DeniedError),
        (_answer("NoAuthenticationInformation", 401, sdk.ClientAuthenticationError), DeniedError),
        (_answer("AuthorizationPermissionMismatch", 403), DeniedError),
        (_answer("BlobArchived", 409), DeniedError),
        (_answer("BlobAlreadyExists", 409, sdk.ResourceExistsError), ConflictError),
        (_answer("ConditionNotMet", 412, sdk.ResourceModifiedError), ConflictError),
        (_answer("InvalidBlockList", 400), ConflictError),
        (_answer("ServerBusy", 503), TransientError),
        (_answer("", 429), TransientError),
        (_answer("InvalidMetadata", 400), UsageError),
        (_answer("InvalidResourceName", 400), UsageError),
        (_answer("InvalidHeaderValue", 400), OpsctlError),
        (sdk.ClientAuthenticationError("DefaultAzureCredential failed"), DeniedError),
        (sdk.ServiceRequestError("refused"), TransientError),
        (sdk.ServiceResponseError("reset"), TransientError),
        (sdk.IncompleteReadError("short"), TransientError),
        (sdk.HttpResponseError("without a status"), TransientError),
        (sdk.AzureError("anything"), OpsctlError),
    ],
)
def test_each_error_has_its_kind_and_repeats_no_secret(error: sdk.AzureError, kind: type[OpsctlError]) -> None:
    found = translate(error, name=NAME, host=HOST)
    assert type(found) is kind
    assert found.message.startswith(NAME)
    assert "c2VjcmV0" not in f"{found} {found.hint}"
    if kind in {DeniedError, TransientError}:
        assert found.hint


def test_only_errors_of_the_network_are_translated_while_reading() -> None:
    assert isinstance(translate_read(ConnectionResetError(), name=NAME, host=HOST), TransientError)
    assert translate_read(TypeError("a bug"), name=NAME, host=HOST) is None


@pytest.mark.parametrize("name", ["a\\b", "a\nb", "a\x7fb", "a\x85b", "a.", "a./b", "..."])
def test_names_that_azure_would_change_are_refused(name: str) -> None:
    with pytest.raises(UsageError, match="az://box/x"):
        check_name(name, shown="az://box/x")


@pytest.mark.parametrize("name", ["a b", "a.b", ".a", "ü/🚀", "a//b", "a/", "\u202e", "%2F"])
def test_other_names_are_kept(name: str) -> None:
    assert check_name(name, shown="az://box/x") == name


def test_an_endpoint_that_is_no_url_is_a_usage_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AZURE_STORAGE_KEY", "a2V5")
    with pytest.raises(UsageError, match="az://b"):
        open_store("az://b", options={"az://b": {"endpoint": "://x", "account": "x"}})
