"""The topic `wallets`: the balance of a wallet after each change."""

from meter.rules.billing_days import optional_day_text
from meter.rules.state.context import FoldContext
from schemas.rows import Wallet
from schemas.wallets import Wallet as WalletRecord


def publish_wallet(context: FoldContext, account: str, wallet: Wallet) -> None:
    """Publish a wallet."""
    record = WalletRecord.model_construct(
        account=account,
        method=wallet.method,
        instrument=wallet.instrument,
        balance=wallet.balance,
        currency=context.known().opening.currency,
        expires_on=optional_day_text(wallet.expires_on),
        revision=context.revision,
    )
    context.publish("wallets", record.record_key(), record.json_bytes())
