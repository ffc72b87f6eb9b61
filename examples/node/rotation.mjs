// Logs in with a password that rotates, and answers how many attempts it took, never with the password.
import { createHash } from "node:crypto";
import { read } from "./larder.mjs";

const path = "/env/DB_PASSWORD";

class Refused extends Error {
  name = "Refused";
}

// connect returns what logIn makes of the password. One that it refuses is read anew, and tried once.
async function connect(logIn) {
  const { value, version } = await read(path);
  try {
    return await logIn(value);
  } catch (error) {
    if (!(error instanceof Refused)) throw error;
  }
  // It may have rotated. Larder asks AWS, unless what it holds by now is no longer the version that was refused.
  const again = await read(`${path}?seen=${encodeURIComponent(version)}`);
  return logIn(again.value);
}

// Database stands in for a database, which keeps no more than a hash of its password.
class Database {
  attempts = 0;

  constructor(accepts) {
    this.accepts = accepts;
  }

  async logIn(password) {
    this.attempts++;
    if (createHash("sha256").update(password).digest("hex") !== this.accepts) {
      console.log("the database refuses the password");
      throw new Refused("the database refuses the password");
    }
    console.log("logged in");
  }
}

export async function handler(event) {
  // A function keeps its connection from event to event. This one connects each time, to meet the rotation.
  const database = new Database(event.accepts);
  await connect((password) => database.logIn(password));
  return { attempts: database.attempts };
}
