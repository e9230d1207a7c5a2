"""What the shop sells, and what a cart costs."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Product:
    """One thing for sale; the price is in cents, because money is not a float."""

    id: str
    name: str
    price: int


PRODUCTS = {
    product.id: product
    for product in (
        Product("mug", "Mug with a handle", 990),
        Product("lamp", "Reading lamp", 3450),
        Product("chair", "Folding chair", 5900),
    )
}


def total(quantities: dict[str, int]) -> int:
    """Return what `quantities` (product id -> how many) cost, in cents.

    Raises:
        KeyError: there is no such product.
        ValueError: a quantity is not a whole number above zero.
    """
    if any(type(count) is not int or count < 1 for count in quantities.values()):
        raise ValueError("quantities are whole numbers above zero")
    return sum(PRODUCTS[name].price * count for name, count in quantities.items())
