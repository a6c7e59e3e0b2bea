# Reads an evaluation and stores a new value, only once even after retries. Needs `requests`:
#   TOKEN=<JWT> python3 update.py https://<host>/v1/run/<run_id>/evaluation/<evaluation_id>
# If the program fails, it may still have stored the new value.
import os
import random
import sys
import time

import requests

RETRIES, WAIT_MAX_SECONDS = 5, 60
session = requests.Session()


def send(method, url, **request):
    """Sends a request. Repeats it after a lost connection, a 429 or a status above 500."""
    for retry in range(RETRIES + 1):
        wait = 2**retry
        try:
            answer = session.request(method, url, timeout=30, **request)
            if answer.status_code == 200:
                answer.json()  # Raises an error if the body is incomplete.
            after = answer.headers.get("Retry-After", "")
            wait = max(wait, int(after) if after.isdecimal() else 0)
            # A 500 is a bug in the Worker, so a retry does not help.
            is_final = answer.status_code != 429 and answer.status_code <= 500
            if is_final or retry == RETRIES or wait > WAIT_MAX_SECONDS:
                return answer
        except (requests.RequestException, ValueError):
            if retry == RETRIES:
                raise
        time.sleep(wait + random.random())  # Spreads out the retries of many callers.


def update(url, decide):
    bookmark = ""
    for _ in range(10):
        found = send("GET", url, headers={"x-d1-bookmark": bookmark})
        if found.status_code != 200:
            sys.exit(f"{found.status_code} {found.text}")
        now = found.json()["value"]
        value = decide(now)
        if value == now:
            return value
        # All retries send this key, so the Worker stores the value once.
        headers = {"If-Match": found.headers["ETag"], "Idempotency-Key": os.urandom(16).hex()}
        stored = send("PUT", url, headers=headers, json={"value": value})
        if stored.status_code == 200:
            return value
        if stored.status_code != 412:
            sys.exit(f"{stored.status_code} {stored.text}")
        # The next read sends the bookmark, so it sees the other caller's change.
        bookmark = stored.headers.get("x-d1-bookmark", "")
    sys.exit("Ten times somebody else was first.")


session.headers["Authorization"] = f"Bearer {os.environ['TOKEN']}"
url = requests.Request("GET", sys.argv[1]).prepare().url
print(update(url, lambda now: min(now + 1, 10)))
