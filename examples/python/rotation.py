"""Logs in with a password that rotates, and answers how many attempts it took, never with the password."""
import hashlib
from urllib.parse import quote

from larder import read

PASSWORD = "/env/DB_PASSWORD"


def connect(log_in):
    """Return what log_in makes of the password. One that it refuses is read anew, and tried once."""
    password, version = read(PASSWORD)
    try:
        return log_in(password)
    except PermissionError:
        pass
    # It may have rotated. Larder asks AWS, unless what it holds by now is no longer the version that was refused.
    password, _ = read(f"{PASSWORD}?seen={quote(version)}")
    return log_in(password)


class Database:
    """Stands in for a database, which keeps no more than a hash of its password."""

    def __init__(self, accepts):
        self.accepts = accepts
        self.attempts = 0

    def log_in(self, password):
        self.attempts += 1
        if hashlib.sha256(password).hexdigest() != self.accepts:
            print("the database refuses the password")
            raise PermissionError("the database refuses the password")
        print("logged in")


def handler(event, context):
    # A function keeps its connection from event to event. This one connects each time, to meet the rotation.
    database = Database(event["accepts"])
    connect(database.log_in)
    return {"attempts": database.attempts}
