// Reads its secrets from Larder and answers with their lengths in bytes, never with a value.

const port = process.env.PARAMETERS_SECRETS_EXTENSION_HTTP_PORT || 2773;

// read returns the bytes that Larder serves at path.
async function read(path) {
  const answer = await fetch(`http://localhost:${port}${path}`, {
    headers: { "X-Aws-Parameters-Secrets-Token": process.env.AWS_SESSION_TOKEN },
    signal: AbortSignal.timeout(10_000), // what Lambda gives to init; Larder answers well before
  });
  const body = Buffer.from(await answer.arrayBuffer());
  if (answer.status !== 200) {
    throw new Error(`GET ${path}: ${answer.status} ${body.toString().split("\n")[0]}`);
  }
  return body;
}

// Read at module load, as with AWS's own layer. Larder has been fetching it since before Node started.
const sessionKey = JSON.parse(await read("/secretsmanager/get?secretId=demo/session-key")).SecretString;

export async function handler() {
  // Read on every call: these come from Larder's memory, and follow a rotation.
  const password = await read("/value?ref=secretsmanager://demo/db&field=password");
  const apiKey = JSON.parse(await read("/systemsmanager/parameters/get?name=/demo/api-key&withDecryption=true"));
  const cert = await read("/value?ref=secretsmanager://demo/cert");
  const flags = JSON.parse(await read("/value?ref=ssm:///demo/flags/*"));
  return {
    sessionKey: Buffer.byteLength(sessionKey),
    password: password.length,
    apiKey: Buffer.byteLength(apiKey.Parameter.Value),
    cert: cert.length,
    flags: Object.keys(flags).sort(),
  };
}
