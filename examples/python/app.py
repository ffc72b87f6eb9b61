"""Reads its secrets from Larder and answers with their lengths in bytes, never with a value."""
import json

from larder import read

# Read at module load, as with AWS's own layer. Larder has been fetching it since before Python started.
SESSION_KEY = json.loads(read("/secretsmanager/get?secretId=demo/session-key")[0])["SecretString"]


def handler(event, context):
    # Read on every call: these come from Larder's memory, and follow a rotation.
    password, _ = read("/value?ref=secretsmanager://demo/db&field=password")
    api_key, _ = read("/systemsmanager/parameters/get?name=/demo/api-key&withDecryption=true")
    cert, _ = read("/value?ref=secretsmanager://demo/cert")
    flags, _ = read("/value?ref=ssm:///demo/flags/*")
    return {
        "sessionKey": len(SESSION_KEY.encode()),
        "password": len(password),
        "apiKey": len(json.loads(api_key)["Parameter"]["Value"].encode()),
        "cert": len(cert),
        "flags": sorted(json.loads(flags)),
    }
