// Takes its secrets from environment variables and answers with their lengths in bytes, never with a value.
export async function handler() {
  // larder-exec has set these before Node started. They stay as they are for as long as the process lives.
  const { SESSION_KEY, DB_PASSWORD, API_KEY, FLAGS } = process.env;
  return {
    sessionKey: Buffer.byteLength(SESSION_KEY),
    password: Buffer.byteLength(DB_PASSWORD),
    apiKey: Buffer.byteLength(API_KEY),
    flags: Object.keys(JSON.parse(FLAGS)).sort(),
  };
}
