"""What Schemathesis can't know: projects, runs and tokens that exist. Most requests get them; the rest stay strangers.

The service is named by the variable API; the numbers of requests by what they got are printed at the end.
"""

import atexit
import base64
import collections
import json
import os
import random
import urllib.request

import schemathesis

API = os.environ["API"] + "/api/v1"
# Requests that one project is used for; uploads use its tokens up, and DELETE ends it.
LIFE = 15

chance = random.Random(7)
counts = collections.Counter()


def post(path, token, body):
    """One POST of our own; the parsed answer."""
    headers = {"Content-Type": "application/json", **({"Authorization": token} if token else {})}
    request = urllib.request.Request(API + path, json.dumps(body).encode(), headers)
    with urllib.request.urlopen(request, timeout=60) as answer:
        return json.load(answer)


class Live:
    """A project with data of one or both parties and a run."""

    def __init__(self):
        kind = chance.choice(["groups", "similarity_scores", "permutations"])
        made = post("/projects", None, {"schema": {}, "result_type": kind})
        self.left, self.id = LIFE, made["project_id"]
        path = f"/projects/{self.id}"
        clks = [base64.b64encode(chance.randbytes(8)).decode() for _ in range(20)]
        receipts = [post(f"{path}/clks", update, {"clks": clks})["receipt_token"]
                    for update in made["update_tokens"][:chance.choice([1, 2])]]
        self.run = post(f"{path}/runs", made["result_token"], {"threshold": 0.9})["run_id"]
        self.tokens = {"result": [made["result_token"]], "update": made["update_tokens"][::-1], "receipt": receipts}


live = None


@schemathesis.hook
def before_call(context, case, kwargs):
    """Puts names and a token of a live project into most requests for a project."""
    global live
    if "{project_id}" not in case.operation.path or chance.random() < 0.25:
        counts["as generated"] += 1
        return
    if live is None or live.left == 0:
        live = Live()
    live.left -= 1
    path = case.operation.path
    case.path_parameters["project_id"] = live.id
    if "run_id" in (case.path_parameters or {}):
        case.path_parameters["run_id"] = live.run
    uploads = path.endswith(("/clks", "/binaryclks", "/authorize-external-upload"))
    wanted = "update" if uploads else "result"
    if chance.random() < 0.15:
        wanted = chance.choice(list(live.tokens))
    case.headers = case.headers or {}
    case.headers["Authorization"] = chance.choice(live.tokens[wanted])
    counts["with a token that exists"] += 1
    if case.method.upper() == "DELETE":
        live = None


@schemathesis.hook
def after_call(context, case, response):
    """Counts answers by status."""
    counts[str(response.status_code)] += 1


@atexit.register
def tell():
    """The counts, for the test that reads them."""
    print("COUNTS " + json.dumps(counts), flush=True)
