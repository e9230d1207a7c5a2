"""One look at a path over HTTP, as the health gate takes it."""

from __future__ import annotations

import http.client

from opsctl import __version__

__all__ = ["look"]


def look(end: tuple[str, int], path: str, *, timeout: float) -> tuple[bool, str]:
    """Ask once; an answer from 200 to 399 passes, a redirect is not followed.

    Args:
        end: address and port.
        path: path and query.
        timeout: seconds for the connection and for each read.

    Returns:
        whether it passed, and one line on what was seen.
    """
    connection = http.client.HTTPConnection(*end, timeout=timeout)
    try:
        connection.request("GET", path, headers={"User-Agent": f"opsctl/{__version__}", "Connection": "close"})
        status = connection.getresponse().status
    except TimeoutError:
        return False, f"GET {path} got no answer within {timeout:g} s"
    except (OSError, http.client.HTTPException) as error:
        return False, f"GET {path} failed: {_reason(error)}"
    finally:
        connection.close()
    return http.client.OK <= status < http.client.BAD_REQUEST, f"GET {path} answered {status}"


def _reason(error: Exception) -> str:
    text = getattr(error, "strerror", None) or str(error)
    return " ".join(text.split()) or type(error).__name__
