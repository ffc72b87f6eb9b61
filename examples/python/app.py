"""Reads its secrets from Larder and answers with their lengths in bytes, never with a value."""
import http.client
import json
import os

PORT = int(os.environ.get("PARAMETERS_SECRETS_EXTENSION_HTTP_PORT") or 2773)


def read(path):
    """Return the bytes that Larder serves at path."""
    # Ten seconds is what Lambda gives to init; Larder answers well before. http.client knows no proxy.
    larder = http.client.HTTPConnection("localhost", PORT, timeout=10)
    try:
        larder.request("GET", path, headers={"X-Aws-Parameters-Secrets-Token": os.environ["AWS_SESSION_TOKEN"]})
        answer = larder.getresponse()
        body = answer.read()
    finally:
        larder.close()
    if answer.status != 200:
        raise RuntimeError(f"GET {path}: {answer.status} {body.decode(errors='replace').partition(chr(10))[0]}")
    return body


# Read at module load, as with AWS's own layer. Larder has been fetching it since before Python started.
SESSION_KEY = json.loads(read("/secretsmanager/get?secretId=demo/session-key"))["SecretString"]


def handler(event, context):
    # Read on every call: these come from Larder's memory, and follow a rotation.
    password = read("/value?ref=secretsmanager://demo/db&field=password")
    api_key = json.loads(read("/systemsmanager/parameters/get?name=/demo/api-key&withDecryption=true"))
    cert = read("/value?ref=secretsmanager://demo/cert")
    flags = json.loads(read("/value?ref=ssm:///demo/flags/*"))
    return {
        "sessionKey": len(SESSION_KEY.encode()),
        "password": len(password),
        "apiKey": len(api_key["Parameter"]["Value"].encode()),
        "cert": len(cert),
        "flags": sorted(flags),
    }
