"""What a rollback wants: a recorded release, to serve again."""

from __future__ import annotations

from opsctl.deploy.history import Current, rollback_target
from opsctl.deploy.model import Release
from opsctl.deploy.operation import Want, Wanted
from opsctl.deploy.plan import Desired
from opsctl.deploy.site import Site, revision_of
from opsctl.errors import NotFoundError

__all__ = ["back_to"]


def back_to(site: Site, to: int = 0) -> Want:
    """Return what a rollback wants.

    Args:
        site: where.
        to: number of a release, 0 for the one that the serving one replaced.

    Raises:
        NotFoundError: when it is asked: there is no such release, it never served, or it is not kept any more.
    """

    def want(current: Current | None) -> Wanted:
        made_by = site.records.release(_revision(site, current, to))
        revision = revision_of(made_by)
        # What serves already may differ from its record (a secret has got another value): it is made anew beside
        # itself, because changing it in place would interrupt it.
        again = current is None or made_by.revision != current.revision
        return Wanted(
            desired=Desired(
                spec=made_by.spec,
                source="release",
                subject=_subject(made_by),
                revision=made_by.revision if again else 0,
            ),
            image=made_by.image,
            materials=site.materials(revision),
            health=made_by.health,
            version=made_by.version,
            git=made_by.git,
            made_by=made_by if again else None,
        )

    return want


def _revision(site: Site, current: Current | None, to: int) -> int:
    if current is None:
        raise NotFoundError(f"{site.slot} has never been deployed: there is nothing to roll back to")
    if not to:
        number = rollback_target(current)
        if not number:
            raise _nowhere(site, current)
        return number
    wanted = site.records.release(to)
    if wanted.revision in current.kept:
        return wanted.revision
    why = "is not kept any more" if wanted.outcome == "succeeded" else "never served"
    raise NotFoundError(f"release {to} of {site.slot} {why}", hint=f"kept releases: {_kept(current)}")


def _nowhere(site: Site, current: Current) -> NotFoundError:
    replaced = current.good[0].replaces
    hint = f"kept releases: {_kept(current)}; choose one with --to, or deploy a version that works"
    if not replaced:
        return NotFoundError(f"{site.slot}: release {current.revision} serves, which was the first one", hint=hint)
    return NotFoundError(
        f"{site.slot}: release {current.revision} serves, and release {replaced} before it is not kept any more",
        hint=hint,
    )


def _kept(current: Current) -> str:
    return ", ".join(str(number) for number in sorted(current.kept))


def _subject(made_by: Release) -> str:
    called = f" ({made_by.version})" if made_by.version else ""
    return f"release {made_by.seq}{called}"
