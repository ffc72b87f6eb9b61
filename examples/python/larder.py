"""Reads from Larder."""
import http.client
import os

PORT = int(os.environ.get("PARAMETERS_SECRETS_EXTENSION_HTTP_PORT") or 2773)
# With SnapStart, Lambda gives a function the second one.
TOKEN = os.environ.get("AWS_SESSION_TOKEN") or os.environ["AWS_CONTAINER_AUTHORIZATION_TOKEN"]


def read(path):
    """Return the bytes that Larder serves at path, and their version, which is its ETag."""
    # Ten seconds is what Lambda gives to init; Larder answers well before. http.client knows no proxy.
    larder = http.client.HTTPConnection("localhost", PORT, timeout=10)
    try:
        larder.request("GET", path, headers={"X-Aws-Parameters-Secrets-Token": TOKEN})
        answer = larder.getresponse()
        body = answer.read()
    finally:
        larder.close()
    if answer.status != 200:
        raise RuntimeError(f"GET {path}: {answer.status} {body.decode(errors='replace').partition(chr(10))[0]}")
    return body, answer.headers["ETag"]
