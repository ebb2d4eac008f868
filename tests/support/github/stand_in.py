"""GitHub's REST API as far as the commands use it: https://docs.github.com/en/rest (2022-11-28)."""

from __future__ import annotations

import hashlib
import io
import re
import socket
import threading
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.routing import Route

REPOSITORY = "contoso/fpga"
BOT = "github-actions[bot]"
WORKFLOW_TOKEN = "ghs_of-a-workflow"
PERSONAL_TOKEN = "github_pat_of-ada"


@dataclass
class Fault:
    """What the next request that fits gets, in place of an answer."""

    method: str
    path: str
    status: int
    headers: Mapping[str, str] = field(default_factory=dict)
    message: str = "refused by the test"
    done: bool = False
    """Whether it is carried out before the answer fails."""
    body: Any = None
    """The answer's, where it is not one with a message."""


@dataclass(frozen=True)
class Seen:
    """A request that came."""

    method: str
    path: str
    headers: Mapping[str, str]


class StandIn:
    """One repository.

    Attributes:
        url: base URL of the API.
        permissions: of the workflow's token, as `issues=write`; a personal token may do all.
        page: the most items that a page has here.
    """

    def __init__(self, url: str) -> None:
        self.url = url
        # another host, as far as a client can tell
        self._store = url.replace("127.0.0.1", "localhost") + "/store"
        self.permissions: set[str] = set()
        self.page = 2
        self.faults: list[Fault] = []
        self.seen: list[Seen] = []
        self.comments: list[dict[str, Any]] = []
        self.issues: list[dict[str, Any]] = []
        self.pulls: dict[str, list[dict[str, Any]]] = {}
        self.runs: list[dict[str, Any]] = []
        self.artifacts: dict[int, list[dict[str, Any]]] = {}
        self.archives: dict[int, bytes] = {}
        self._next = 100

    def number(self) -> int:
        """A number that nothing has yet."""
        self._next += 1
        return self._next

    def comment(self, issue: int, body: str, login: str = BOT) -> dict[str, Any]:
        """Someone's comment."""
        made = self.number()
        url = f"https://github.test/{REPOSITORY}/pull/{issue}#issuecomment-{made}"
        self.comments.append(
            {"id": made, "issue": issue, "body": body, "user": {"login": login}, "html_url": url}
        )
        return self.comments[-1]

    def issue(self, title: str, body: str, labels: list[str], login: str = BOT) -> dict[str, Any]:
        """Someone's issue."""
        made = self.number()
        self.issues.append(
            {
                "number": made,
                "title": title,
                "body": body,
                "labels": [{"name": label} for label in labels],
                "user": {"login": login},
                "state": "open",
                "html_url": f"https://github.test/{REPOSITORY}/issues/{made}",
            }
        )
        return self.issues[-1]

    def merged(self, commit: str, head: str, *, ref: str = "branch", origin: str = REPOSITORY) -> None:
        """A pull request whose merge made `commit`."""
        pull = {
            "number": 7,
            "html_url": f"https://github.test/{REPOSITORY}/pull/7",
            "merged_at": "2026-11-22T10:00:00Z",
            "merge_commit_sha": commit,
            "head": {"sha": head, "ref": ref, "repo": {"full_name": origin}},
        }
        self.pulls.setdefault(commit, []).append(pull)

    def run(self, head: str, *, ref: str = "branch", conclusion: str | None = "success") -> int:
        """A run of the pull request's workflow; without a conclusion it still runs."""
        made = self.number()
        self.runs.append(
            {
                "id": made,
                "run_number": len(self.runs) + 1,
                "head_sha": head,
                "head_branch": ref,
                "event": "pull_request",
                "head_repository": {"full_name": REPOSITORY},
                "status": "completed" if conclusion else "in_progress",
                "conclusion": conclusion,
                "html_url": f"https://github.test/{REPOSITORY}/actions/runs/{made}",
            }
        )
        return made

    def artifact(self, run: int, name: str, files: Mapping[str, bytes], *, expired: bool = False) -> int:
        """What a run kept."""
        made = self.number()
        packed = io.BytesIO()
        with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
            for file, content in files.items():
                archive.writestr(file, content)
        self.archives[made] = packed.getvalue()
        digest = f"sha256:{hashlib.sha256(packed.getvalue()).hexdigest()}"
        kept = {"id": made, "name": name, "expired": expired, "digest": digest}
        self.artifacts.setdefault(run, []).append(kept)
        return made

    def app(self) -> Starlette:
        """Its routes."""
        at = f"/repos/{REPOSITORY}"
        return Starlette(
            routes=[
                Route("/user", self._user),
                Route(f"{at}/issues", self._list_issues, methods=["GET"]),
                Route(f"{at}/issues", self._open_issue, methods=["POST"]),
                Route(f"{at}/issues/comments/{{id:int}}", self._change_comment, methods=["PATCH"]),
                Route(f"{at}/issues/{{number:int}}", self._change_issue, methods=["PATCH"]),
                Route(f"{at}/issues/{{number:int}}/comments", self._list_comments, methods=["GET"]),
                Route(f"{at}/issues/{{number:int}}/comments", self._write_comment, methods=["POST"]),
                Route(f"{at}/commits/{{commit}}/pulls", self._list_pulls),
                Route(f"{at}/actions/workflows/pull-request.yml/runs", self._list_runs),
                Route(f"{at}/actions/runs/{{id:int}}/artifacts", self._list_artifacts),
                Route(f"{at}/actions/artifacts/{{id:int}}/zip", self._archive),
                Route("/store/{id:int}", self._stored),
            ]
        )

    def fault(self, method: str, path: str) -> Fault | None:
        """The first that fits; it is used up."""
        for fault in self.faults:
            if fault.method == method and re.search(fault.path, path):
                self.faults.remove(fault)
                return fault
        return None

    def _login(self, request: Request) -> str:
        return BOT if request.headers["authorization"].endswith(WORKFLOW_TOKEN) else "ada"

    def _refused(self, request: Request, permission: str) -> Response | None:
        """A 403, unless the token has one of the permissions that are listed as GitHub lists them."""
        if self._login(request) != BOT:
            return None
        wanted = permission.split("; ")
        held = self.permissions | {one.replace("=write", "=read") for one in self.permissions}
        if held & set(wanted):
            return None
        return JSONResponse(
            {"message": "Resource not accessible by integration", "status": "403"},
            403,
            {"X-Accepted-GitHub-Permissions": permission},
        )

    def _listing(self, request: Request, items: list[dict[str, Any]], member: str | None = None) -> Response:
        page = int(request.query_params.get("page", 1))
        size = min(self.page, int(request.query_params.get("per_page", 30)))
        shown = items[(page - 1) * size : page * size]
        headers = {}
        if page * size < len(items):
            following = request.url.include_query_params(page=page + 1)
            headers["Link"] = f'<{following}>; rel="next", <{following}>; rel="last"'
        body = {"total_count": len(items), member: shown} if member else shown
        return JSONResponse(body, headers=headers)

    async def _user(self, request: Request) -> Response:
        if self._login(request) == BOT:
            return JSONResponse({"message": "Resource not accessible by integration"}, 403)
        return JSONResponse({"login": "ada"})

    async def _list_issues(self, request: Request) -> Response:
        found = [issue for issue in self.issues if issue["state"] == request.query_params["state"]]
        return self._refused(request, "issues=read") or self._listing(request, found)

    async def _open_issue(self, request: Request) -> Response:
        body = await request.json()
        if refused := self._refused(request, "issues=write"):
            return refused
        made = self.issue(body["title"], body["body"], body["labels"], self._login(request))
        return JSONResponse(made, 201)

    async def _change_issue(self, request: Request) -> Response:
        changed = await request.json()
        if refused := self._refused(request, "issues=write"):
            return refused
        issue = next(one for one in self.issues if one["number"] == request.path_params["number"])
        issue |= changed
        return JSONResponse(issue)

    async def _list_comments(self, request: Request) -> Response:
        number = request.path_params["number"]
        found = [comment for comment in self.comments if comment["issue"] == number]
        refused = self._refused(request, "issues=read; pull_requests=read")
        return refused or self._listing(request, found)

    async def _write_comment(self, request: Request) -> Response:
        body = await request.json()
        if refused := self._refused(request, "issues=write; pull_requests=write"):
            return refused
        if len(body["body"]) > 65536:
            return JSONResponse({"message": "Body is too long (maximum is 65536 characters)"}, 422)
        made = self.comment(request.path_params["number"], body["body"], self._login(request))
        return JSONResponse(made, 201)

    async def _change_comment(self, request: Request) -> Response:
        changed = await request.json()
        if refused := self._refused(request, "issues=write; pull_requests=write"):
            return refused
        comment = next(one for one in self.comments if one["id"] == request.path_params["id"])
        comment |= changed
        return JSONResponse(comment)

    async def _list_pulls(self, request: Request) -> Response:
        found = self.pulls.get(request.path_params["commit"], [])
        return self._refused(request, "pull_requests=read") or self._listing(request, found)

    async def _list_runs(self, request: Request) -> Response:
        query = request.query_params
        found = [
            run
            for run in reversed(self.runs)
            if (run["event"], run["head_sha"], run["head_branch"])
            == (query["event"], query["head_sha"], query["branch"])
        ]
        return self._refused(request, "actions=read") or self._listing(request, found, "workflow_runs")

    async def _list_artifacts(self, request: Request) -> Response:
        name = request.query_params["name"]
        found = [one for one in self.artifacts.get(request.path_params["id"], []) if one["name"] == name]
        return self._refused(request, "actions=read") or self._listing(request, found, "artifacts")

    async def _archive(self, request: Request) -> Response:
        refused = self._refused(request, "actions=read")
        return refused or RedirectResponse(f"{self._store}/{request.path_params['id']}?sig=signed-secret")

    async def _stored(self, request: Request) -> Response:
        return Response(self.archives[request.path_params["id"]], media_type="application/zip")


class Server:
    """Serves one stand-in after the other on a port of its own, so that each test begins with nothing."""

    def __init__(self) -> None:
        self._listening = socket.create_server(("127.0.0.1", 0))
        self._url = f"http://127.0.0.1:{self._listening.getsockname()[1]}"

    def fresh(self) -> StandIn:
        """A stand-in, which answers from now on."""
        self._stand_in = StandIn(self._url)
        self._app = self._stand_in.app()
        return self._stand_in

    @contextmanager
    def running(self) -> Iterator[Server]:
        """Answers meanwhile."""
        config = uvicorn.Config(self, log_config=None, lifespan="off", ws="none")
        server = uvicorn.Server(config)
        thread = threading.Thread(target=server.run, kwargs={"sockets": [self._listening]})
        thread.start()
        try:
            yield self
        finally:
            server.should_exit = True
            thread.join()
            self._listening.close()

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        request = Request(scope, receive)
        method, path = request.method, request.url.path
        self._stand_in.seen.append(Seen(method, path, dict(request.headers)))
        answer = self._refusal(request)
        fault = self._stand_in.fault(method, path) if answer is None else None
        if fault is not None:
            if fault.done:
                await self._app(scope, receive, _discard)
            body = {"message": fault.message} if fault.body is None else fault.body
            answer = JSONResponse(body, fault.status, dict(fault.headers))
        await (answer or self._app)(scope, receive, send)

    def _refusal(self, request: Request) -> Response | None:
        authorization = request.headers.get("authorization", "")
        if request.url.path.startswith("/store/"):
            # as Azure's store does, whose own authentication this is not
            return JSONResponse({"message": "two ways to sign in"}, 400) if authorization else None
        if authorization not in (f"Bearer {WORKFLOW_TOKEN}", f"Bearer {PERSONAL_TOKEN}"):
            return JSONResponse({"message": "Bad credentials", "status": "401"}, 401)
        if request.headers.get("x-github-api-version") != "2022-11-28":
            return JSONResponse({"message": "Not a version of this API"}, 400)
        return None


async def _discard(_: Any) -> None:
    """Takes an answer that never arrives."""
