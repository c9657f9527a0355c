"""The wallets of an account: cash, prepaid cards and coupons, topped up and drawn.

No money appears or vanishes here: a top-up raises one balance by its amount, a draw lowers balances by exactly the
payments (payments from one instrument are added up first), and no balance falls below 0. Cash is the instrument
without a name; it always exists, with 0 until topped up, and never expires.
"""

from collections.abc import Iterable, Mapping
from decimal import Decimal, localcontext

from meter.rules.prices import EXACT
from schemas.orders import Payment
from schemas.rows import Wallet

#: (method, instrument); instrument is None for cash.
WalletKey = tuple[str, str | None]

CASH = "cash"


def key_of(wallet: Wallet) -> WalletKey:
    """The key of a wallet row among the wallets of its account."""
    return wallet.method, wallet.instrument


def wallet_at(wallets: Mapping[WalletKey, Wallet], key: WalletKey) -> Wallet | None:
    """The wallet under `key`; cash that was never topped up is a wallet with 0."""
    wallet = wallets.get(key)
    if wallet is None and key[0] == CASH:
        return Wallet(CASH, None, Decimal("0.00"))
    return wallet


def draws(payments: Iterable[Payment]) -> dict[WalletKey, Decimal]:
    """Amount drawn from each instrument, in the order in which the payments first name it."""
    drawn: dict[WalletKey, Decimal] = {}
    with localcontext(EXACT):
        for payment in payments:
            key = payment.method, payment.instrument
            drawn[key] = drawn.get(key, Decimal("0.00")) + payment.amount
    return drawn


def usable_on(wallet: Wallet, day: int) -> bool:
    """Whether the wallet may be drawn on `day`: through its `expires_on`, that day included."""
    return wallet.expires_on is None or day <= wallet.expires_on


def topped_up(wallets: Mapping[WalletKey, Wallet], key: WalletKey, amount: Decimal, expires_on: int | None) -> Wallet:
    """The wallet under `key` after a top-up; a new wallet takes the top-up's `expires_on`."""
    wallet = wallet_at(wallets, key) or Wallet(key[0], key[1], Decimal("0.00"), expires_on)
    assert wallet.expires_on == expires_on, f"terms must not change: {wallet.expires_on} is not {expires_on}"
    return _with_balance(wallet, amount)


def drawn(wallets: Mapping[WalletKey, Wallet], payments: Iterable[Payment]) -> tuple[Wallet, ...]:
    """The wallets after the payments were drawn from them."""
    return tuple(_with_balance(wallets[key], -amount) for key, amount in draws(payments).items())


def _with_balance(wallet: Wallet, change: Decimal) -> Wallet:
    with localcontext(EXACT):
        balance = wallet.balance + change
    assert balance >= 0, f"a balance must not fall below 0: {wallet.balance} changed by {change}"
    return Wallet(wallet.method, wallet.instrument, balance, wallet.expires_on)
