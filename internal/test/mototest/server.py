"""A moto server for one test binary, and a way to reach inside it.

Prints one line of JSON with the two ports once it is ready, and ends when its
standard input does: so it never outlives the process that started it.
"""

import base64
import json
import logging
import os
import sys
import threading
from datetime import datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

MISSING = 3  # exit status: moto is not installed

sys.path = [folder for folder in sys.path if folder]  # nothing from where tests run

try:
    from moto.awslambda.models import lambda_backends
    from moto.core.base_backend import AccountSpecificBackend, BackendDict
    from moto.core.config import default_user_config
    from moto.core.responses import ActionResult
    from moto.iam.models import AccessKeyLastUsed, iam_backends
    from moto.iam.responses import IamResponse
    from moto.server import ThreadedMotoServer
    from moto.ses.models import ses_backends
    from moto.sts.models import sts_backends
except ImportError as err:
    print(err, file=sys.stderr)
    sys.exit(MISSING)

REGION = "us-east-1"

# moto knows no service-specific credentials. As in most accounts, there are none.
if not hasattr(IamResponse, "list_service_specific_credentials"):
    IamResponse.list_service_specific_credentials = lambda self: ActionResult(
        {"ServiceSpecificCredentials": [], "IsTruncated": False}
    )

# moto walks through its accounts while other requests add to them, and Python
# ends such a walk with an error. A walk through a copy goes on.
for kind in (BackendDict, AccountSpecificBackend):
    kind.__iter__ = lambda self: iter(list(dict.keys(self)))
    kind.keys = lambda self: list(dict.keys(self))
    kind.values = lambda self: list(dict.values(self))
    kind.items = lambda self: list(dict.items(self))


def moment(text):
    """A time as moto keeps it: UTC, and without a zone."""
    return datetime.strptime(text, "%Y-%m-%dT%H:%M:%SZ") if text else None


def set_dates(key, created, last_used, service=None, region=None):
    if created:
        key.create_date = moment(created)
    key.last_used = None
    if last_used:
        key.last_used = AccessKeyLastUsed(
            moment(last_used), service or "s3", region or REGION
        )


def backdate(asked):
    partitions = [p for account in list(iam_backends.values()) for p in list(account.values())]
    for user in [u for partition in partitions for u in list(partition.users.values())]:
        for key in user.access_keys:
            if key.access_key_id == asked["key"]:
                set_dates(key, asked["created"], asked["lastUsed"])
                # A key is never older than its user.
                user.create_date = min(user.create_date, key.create_date)
                return {}
    raise LookupError(f"no access key {asked['key']}")


def add_users(asked):
    backend = iam_backends[asked["account"]]["aws"]
    ids = []
    for wanted in asked["users"]:
        tags = [{"Key": k, "Value": v} for k, v in (wanted["tags"] or {}).items()]
        user = backend.create_user(
            REGION, wanted["name"], path=wanted["path"] or "/", tags=tags
        )
        made = []
        for k in wanted["keys"] or []:
            status = "Active" if k["active"] else "Inactive"
            key = backend.create_access_key(wanted["name"], status=status)
            set_dates(key, k["created"], k["lastUsed"], k["service"], k["region"])
            user.create_date = min(user.create_date, key.create_date)
            made.append(key.access_key_id)
        if wanted["created"]:
            user.create_date = moment(wanted["created"])
        ids.append(made)
    return {"keys": ids}


def add_account(asked):
    """Credentials for an account: a session of a role in it."""
    arn = f"arn:aws:iam::{asked['account']}:role/mototest"
    role = sts_backends[asked["account"]]["aws"].assume_role(
        region_name=REGION,
        role_session_name="mototest",
        role_arn=arn,
        policy=None,
        duration=43200,
        external_id=None,
    )
    return {
        "accessKeyId": role.access_key_id,
        "secretAccessKey": role.secret_access_key,
        "sessionToken": role.session_token,
    }


def function_code(asked):
    """The zip that a Lambda function was made with, which moto keeps to itself."""
    backend = lambda_backends[asked["account"]][asked["region"]]
    code = backend.get_function(asked["function"]).code_bytes
    return {"zip": base64.b64encode(code).decode()}


def sent_mail(asked):
    """What was sent through SES, which moto's API does not show."""
    backend = ses_backends[asked["account"]][asked["region"]]
    return {
        "mail": [
            {
                "from": message.source,
                "to": message.destinations["ToAddresses"],
                "subject": message.subject,
                "body": message.body,
            }
            for message in backend.sent_messages
        ]
    }


ACTIONS = {
    "/backdate": backdate,
    "/users": add_users,
    "/account": add_account,
    "/function": function_code,
    "/mail": sent_mail,
}
LOCK = threading.Lock()


class Control(BaseHTTPRequestHandler):
    def do_POST(self):
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        try:
            with LOCK:
                status, answer = 200, ACTIONS[self.path](asked)
        except Exception as err:  # reported to the test, which fails
            status, answer = 400, {"error": f"{type(err).__name__}: {err}"}
        body = json.dumps(answer).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


def main():
    options = json.loads(sys.argv[1])
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    if options["executeStateMachines"]:
        default_user_config["stepfunctions"]["execute_state_machine"] = True

    moto = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    moto.start()
    port = moto.get_host_and_port()[1]
    os.environ["MOTO_PORT"] = str(options["callbackPort"] or port)

    control = ThreadingHTTPServer(("127.0.0.1", 0), Control)
    control.daemon_threads = True
    threading.Thread(target=control.serve_forever, daemon=True).start()

    print(json.dumps({"moto": port, "control": control.server_port}), flush=True)
    sys.stdin.read()
    os._exit(0)  # at once: nothing here is worth saving


main()
