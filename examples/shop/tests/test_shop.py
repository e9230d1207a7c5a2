"""Unit tests of the shop: `python -m unittest discover examples/shop/tests`."""

import json
import sys
import threading
import unittest
import urllib.error
import urllib.request
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))

from shop import catalog
from shop.server import Handler, Server


class QuietHandler(Handler):
    """Does not write an access log between the dots of the tests."""

    def log_request(self, code="-", size="-"):
        """Say nothing."""


class CatalogTest(unittest.TestCase):
    """What a cart costs."""

    def test_total_adds_price_times_quantity(self):
        self.assertEqual(catalog.total({"mug": 2, "lamp": 1}), 2 * 990 + 3450)

    def test_an_empty_cart_is_free(self):
        self.assertEqual(catalog.total({}), 0)

    def test_an_unknown_product_is_refused(self):
        with self.assertRaises(KeyError):
            catalog.total({"boat": 1})

    def test_a_quantity_of_zero_or_a_half_is_refused(self):
        for count in (0, -1, 0.5, True):
            with self.subTest(count=count), self.assertRaises(ValueError):
                catalog.total({"mug": count})


class ServerTest(unittest.TestCase):
    """The shop over HTTP."""

    def setUp(self):
        self.server = Server(("127.0.0.1", 0), QuietHandler)
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.01,))
        self.thread.start()
        self.url = f"http://127.0.0.1:{self.server.server_port}"

    def tearDown(self):
        self.server.shutdown()
        self.thread.join()
        self.server.server_close()

    def call(self, path, data=None):
        request = urllib.request.Request(self.url + path, data=data, headers={"Connection": "close"})
        try:
            with urllib.request.urlopen(request, timeout=5) as answer:
                return answer.status, json.load(answer)
        except urllib.error.HTTPError as error:
            with error:
                return error.code, json.load(error)

    def test_up(self):
        self.assertEqual(self.call("/up"), (200, {"status": "up"}))

    def test_products(self):
        self.assertEqual(self.call("/products/mug")[1]["price"], 990)
        self.assertEqual(len(self.call("/products")[1]), 3)

    def test_unknown_page(self):
        self.assertEqual(self.call("/nowhere")[0], 404)

    def test_cart(self):
        self.assertEqual(self.call("/cart", b'{"mug": 2}'), (200, {"total": 1980}))
        self.assertEqual(self.call("/cart", b'{"boat": 1}')[0], 422)
        self.assertEqual(self.call("/cart", b"not json")[0], 400)
        self.assertEqual(self.call("/cart", b"[1]")[0], 400)


if __name__ == "__main__":
    unittest.main()
