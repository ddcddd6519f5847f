"""From the settings to a model on a server, with the one key that this server may see."""

from pydantic import SecretStr

from pipeline.remote.address import Address, is_remote, parse_address
from pipeline.remote.model import RemoteModel, open_model
from pipeline.remote.retry import Patience
from pipeline.remote.transport import Key, Limits
from pipeline.settings import Settings


def open_main_model(settings: Settings, *, retries: int | None = None) -> RemoteModel:
    """Raises the errors of `parse_address` and `open_model`."""
    key = Key("GLEANDRAFT_API_KEY", secret_of(settings.api_key))
    return open_remote(settings, parse_address(settings.model), key=key, retries=retries)


def open_remote_proxy(settings: Settings, *, retries: int | None = None) -> RemoteModel:
    """The main model's key goes to the main model's server, and to no other.

    Raises the errors of `parse_address` and `open_model`.
    """
    address = parse_address(settings.proxy)
    key = Key("GLEANDRAFT_PROXY_API_KEY", secret_of(settings.proxy_api_key))
    if not key.secret and shares_server(settings.model, address):
        key = Key("GLEANDRAFT_API_KEY", secret_of(settings.api_key))
    return open_remote(settings, address, key=key, retries=retries)


def open_remote(
    settings: Settings, address: Address, *, key: Key, retries: int | None
) -> RemoteModel:
    limits = Limits(
        connect_s=settings.remote_connect_s,
        silence_s=settings.remote_silence_s,
        at_once=settings.remote_at_once,
    )
    return open_model(
        address,
        key=key,
        limits=limits,
        patience=Patience(settings.remote_retries if retries is None else retries),
        context=settings.context,
        extra=settings.remote_extra,
    )


def shares_server(model: str, address: Address) -> bool:
    return is_remote(model) and parse_address(model).origin == address.origin


def secret_of(setting: SecretStr | None) -> str:
    return setting.get_secret_value().strip() if setting else ""
