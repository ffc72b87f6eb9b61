"""Takes its secrets from environment variables and answers with their lengths in bytes, never with a value."""
import json
import os


def handler(event, context):
    # larder-exec has set these before Python started. They stay as they are for as long as the process lives.
    return {
        "sessionKey": len(os.environ["SESSION_KEY"].encode()),
        "password": len(os.environ["DB_PASSWORD"].encode()),
        "apiKey": len(os.environ["API_KEY"].encode()),
        "flags": sorted(json.loads(os.environ["FLAGS"])),
    }
