// `node server.mjs PORT FOLDER`: oidc-provider with one public and one confidential client, its store and its keys in
// FOLDER. What a test breaks, it breaks there, while the server is down: it removes store.json, or exchanges keys.json.
import { randomBytes } from 'node:crypto';
import { createServer } from 'node:http';
import { existsSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { exportJWK, generateKeyPair } from 'jose';
import { Provider } from 'oidc-provider';
import { JWT_BEARER, acceptAssertions, enrolment } from './device-keys.mjs';
import { Store, adapterOver, readJson } from './store.mjs';

const [port, folder] = process.argv.slice(2);
const issuer = `http://127.0.0.1:${port}`;
const store = new Store(join(folder, 'store.json'));

const provider = new Provider(issuer, {
  adapter: adapterOver(store),
  claims: { openid: ['sub'], profile: ['name'] },
  clients: [
    {
      client_id: 'pos',
      application_type: 'native',
      grant_types: ['authorization_code', 'refresh_token', 'urn:ietf:params:oauth:grant-type:device_code', JWT_BEARER],
      redirect_uris: ['http://127.0.0.1/callback'],
      response_types: ['code'],
      token_endpoint_auth_method: 'none',
    },
    { client_id: 'inspector', client_secret: 'inspector-secret', grant_types: [], redirect_uris: [], response_types: [] },
  ],
  cookies: { keys: [secrets().cookies] },
  discovery: { mainstay_enrollment_endpoint: `${issuer}/enroll` },
  features: {
    deviceFlow: { enabled: true },
    dPoP: { enabled: true, nonceSecret: Buffer.from(secrets().nonces, 'base64'), requireNonce: () => true },
    introspection: { enabled: true, allowedPolicy: () => true },
    pushedAuthorizationRequests: { enabled: true },
    revocation: { enabled: true },
  },
  // As most servers do: without a second screen at each sign-in (`prompt=consent`), which is its own default.
  issueRefreshToken: (_, client) => client.grantTypeAllowed('refresh_token'),
  jwks: { keys: await signingKeys() },
  rotateRefreshToken: true,
  ttl: { AccessToken: 3600, AuthorizationCode: 60, DeviceCode: 600, IdToken: 3600, RefreshToken: 14 * 24 * 3600 },
});
provider.use(enrolment(provider, store));
acceptAssertions(provider, store, issuer);

createServer(provider.callback()).listen(Number(port), '127.0.0.1', () => console.log('ready'));

/** Secrets besides the signing keys; they stay the same over restarts. */
function secrets() {
  const file = join(folder, 'secrets.json');
  const known = readJson(file, undefined);
  if (known) return known;
  const made = { cookies: randomBytes(32).toString('base64'), nonces: randomBytes(32).toString('base64') };
  writeFileSync(file, JSON.stringify(made), { mode: 0o600 });
  return made;
}

/** The signing keys, the newest first and in use. A new one is made where there is none, or where a file `rotate` asks for it. */
async function signingKeys() {
  const file = join(folder, 'keys.json');
  const rotate = join(folder, 'rotate');
  const known = readJson(file, []);
  if (known.length > 0 && !existsSync(rotate)) return known;
  const { privateKey } = await generateKeyPair('RS256', { extractable: true });
  const fresh = { ...(await exportJWK(privateKey)), alg: 'RS256', kid: randomBytes(8).toString('hex'), use: 'sig' };
  const made = [fresh, ...known];
  writeFileSync(file, JSON.stringify(made), { mode: 0o600 });
  rmSync(rotate, { force: true });
  return made;
}
