// Reads its secrets from Larder and answers with their lengths in bytes, never with a value.
import { read } from "./larder.mjs";

// Read at module load, as with AWS's own layer. Larder has been fetching it since before Node started.
const sessionKey = JSON.parse((await read("/secretsmanager/get?secretId=demo/session-key")).value).SecretString;

export async function handler() {
  // Read on every call: these come from Larder's memory, and follow a rotation.
  const password = await read("/value?ref=secretsmanager://demo/db&field=password");
  const apiKey = await read("/systemsmanager/parameters/get?name=/demo/api-key&withDecryption=true");
  const cert = await read("/value?ref=secretsmanager://demo/cert");
  const flags = await read("/value?ref=ssm:///demo/flags/*");
  return {
    sessionKey: Buffer.byteLength(sessionKey),
    password: password.value.length,
    apiKey: Buffer.byteLength(JSON.parse(apiKey.value).Parameter.Value),
    cert: cert.value.length,
    flags: Object.keys(JSON.parse(flags.value)).sort(),
  };
}
