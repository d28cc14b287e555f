"""The two halves of check.sh that a shell is not made for: the load, and the questions.

check.py load API MINT ACCOUNT            40 s of small requests of every kind
check.py panels PROMETHEUS DASHBOARD      asks what each panel asks; fails on an empty one
"""

import json
import math
import sys
import time
import urllib.error
import urllib.parse
import urllib.request

LOAD_SECONDS = 40
TOKEN_EXCHANGE = "urn:ietf:params:oauth:grant-type:token-exchange"
JWT = "urn:ietf:params:oauth:token-type:jwt"


def ask(url, headers=None, body=None):
    """Status and text of an answer, whatever the status."""
    data = None if body is None else json.dumps(body).encode()
    headers = {**(headers or {}), **({"Content-Type": "application/json"} if data else {})}
    request = urllib.request.Request(url, data, headers)
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


def load(api, mint, account):
    def token(subject, audience=account):
        return ask(mint, body={"sub": subject, "aud": audience})[1]

    def bearer(text):
        return {"Authorization": f"Bearer {text}"}

    main = token("repo:acme/shop:ref:refs/heads/main")
    docs = token("repo:acme/docs:ref:refs/heads/main")
    fields = {
        "grant_type": TOKEN_EXCHANGE,
        "audience": account,
        "subject_token": main,
        "subject_token_type": JWT,
    }
    status, text = ask(f"{api}/token/v1", body=fields)
    assert status == 200, text
    stand_in = {"X-Octopus-ApiKey": json.loads(text)["access_token"]}

    expected = {
        "an ID token": (200, "/api/users/me", bearer(main), None),
        "another rule": (200, "/api/users/me", bearer(docs), None),
        "a stand-in": (200, "/api/users/me", stand_in, None),
        "nothing": (401, "/api/users/me", {}, None),
        "a stranger": (403, "/api/users/me", bearer(token("repo:fork/shop")), None),
        "another audience": (401, "/api/users/me", bearer(token("x", "elsewhere")), None),
        "a forgery": (401, "/api/users/me", bearer(main[:-8] + "AAAAAAAA"), None),
        "too much": (403, "/api/Spaces-1/releases", bearer(docs), {}),
    }
    end = time.monotonic() + LOAD_SECONDS
    count = 0
    while time.monotonic() < end:
        for what, (wanted, path, headers, body) in expected.items():
            status, text = ask(api + path, headers, body)
            assert status == wanted, f"{what}: {status}, not {wanted}: {text}"
            count += 1
        # An identity that is new: verified and exchanged.
        job = token(f"repo:acme/shop:ref:refs/heads/feature/{count}")
        status, text = ask(f"{api}/api/users/me", bearer(job))
        assert status == 200, text
        time.sleep(0.05)
    print(f"{count} requests in {LOAD_SECONDS} s, each answered as it should be")


def panels(prometheus, dashboard):
    with open(dashboard, encoding="utf-8") as file:
        dashboard = json.load(file)
    empty = []
    count = 0
    for panel in dashboard["panels"]:
        for target in panel.get("targets", []):
            count += 1
            query = target["expr"]
            for name, value in (("$__rate_interval", "30s"), ("$job", ".*"), ("$instance", ".*")):
                query = query.replace(name, value)
            status, text = ask(
                f"{prometheus}/api/v1/query?{urllib.parse.urlencode({'query': query})}"
            )
            answer = json.loads(text)
            values = []
            if status == 200:
                values = [float(series["value"][1]) for series in answer["data"]["result"]]
            if not any(math.isfinite(value) for value in values):
                empty.append(f"{panel['title']}: {query}\n    {answer.get('error', 'nothing')}")
    for problem in empty:
        print(f"empty: {problem}")
    status, text = ask(f"{prometheus}/api/v1/rules")
    groups = json.loads(text)["data"]["groups"]
    sick = [rule for group in groups for rule in group["rules"] if rule["health"] != "ok"]
    for rule in sick:
        print(f"the rule {rule['name']} is {rule['health']}: {rule.get('lastError')}")
    print(f"{count} questions of {len(dashboard['panels'])} panels, {len(empty)} without an answer")
    return not empty and not sick


if __name__ == "__main__":
    command, *arguments = sys.argv[1:]
    outcome = {"load": load, "panels": panels}[command](*arguments)
    sys.exit(0 if outcome in (None, True) else 1)
