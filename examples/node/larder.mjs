const port = process.env.PARAMETERS_SECRETS_EXTENSION_HTTP_PORT || 2773;
// With SnapStart, Lambda gives a function the second one.
const token = process.env.AWS_SESSION_TOKEN || process.env.AWS_CONTAINER_AUTHORIZATION_TOKEN;

// read returns the bytes that Larder serves at path, and their version, which is its ETag.
export async function read(path) {
  const answer = await fetch(`http://localhost:${port}${path}`, {
    headers: { "X-Aws-Parameters-Secrets-Token": token },
    signal: AbortSignal.timeout(10_000), // what Lambda gives to init; Larder answers well before
  });
  const value = Buffer.from(await answer.arrayBuffer());
  if (answer.status !== 200) {
    throw new Error(`GET ${path}: ${answer.status} ${value.toString().split("\n")[0]}`);
  }
  return { value, version: answer.headers.get("ETag") };
}
