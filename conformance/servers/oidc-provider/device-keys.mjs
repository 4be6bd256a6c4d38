// Device keys for oidc-provider, by docs/server-guide.md: enrolment, and the JWT bearer grant (RFC 7523) that they sign.
import { calculateJwkThumbprint, decodeProtectedHeader, importJWK, jwtVerify } from 'jose';
import { errors } from 'oidc-provider';

export const JWT_BEARER = 'urn:ietf:params:oauth:grant-type:jwt-bearer';

/** How long a person's sign-in lets a device sign in by itself, in seconds. */
const HONOURED_FOR = 30 * 24 * 3600;
/** The longest life of an assertion, in seconds. */
const LONGEST_LIFE = 600;

/** `POST /enroll` and `DELETE /enroll/{kid}`, for whoever the access token belongs to. */
export function enrolment(provider, store) {
  return async (ctx, next) => {
    const [, place, kid] = ctx.path.split('/');
    if (place !== 'enroll') return next();
    const token = await provider.AccessToken.find((ctx.get('authorization').match(/^Bearer (.+)$/) ?? [])[1] ?? '');
    if (!token) {
      ctx.status = 401;
      ctx.set('www-authenticate', 'Bearer error="invalid_token"');
      ctx.body = { error: 'invalid_token' };
    } else if (ctx.method === 'POST' && kid === undefined) {
      await enrol(ctx, store, token);
    } else if (ctx.method === 'DELETE' && kid !== undefined) {
      withdraw(ctx, store, token, decodeURIComponent(kid));
    } else {
      ctx.status = 405;
    }
  };
}

async function enrol(ctx, store, token) {
  const { jwk } = JSON.parse(await body(ctx.req));
  if (jwk?.kty !== 'EC' || jwk.crv !== 'P-256' || 'd' in jwk) {
    ctx.status = 400;
    ctx.body = { error: 'invalid_request', error_description: 'jwk is no public P-256 key' };
    return;
  }
  const kid = await calculateJwkThumbprint(jwk);
  const known = store.get(`DeviceKey:${kid}`)?.payload;
  if (known && known.accountId !== token.accountId) {
    ctx.status = 409;
    ctx.body = { error: 'invalid_request', error_description: 'somebody else enrolled this key' };
    return;
  }
  // The grant ties the key to the sign-in: when the grant is revoked, the adapter removes the key with it.
  const { accountId, clientId, grantId, scope } = token;
  store.set(`DeviceKey:${kid}`, {
    model: 'DeviceKey',
    payload: { jwk, accountId, clientId, grantId, scope, signedInAt: seconds() },
    expires: Date.now() + HONOURED_FOR * 1000,
  });
  ctx.status = 201;
  ctx.body = { kid };
}

function withdraw(ctx, store, token, kid) {
  const mine = store.get(`DeviceKey:${kid}`)?.payload.accountId === token.accountId;
  if (mine) store.keep((key) => key !== `DeviceKey:${kid}`);
  ctx.status = mine ? 204 : 404;
}

/** Honours assertions of enrolled keys. */
export function acceptAssertions(provider, store, issuer) {
  const exchange = async (ctx) => {
    const { client, params } = ctx.oidc;
    const { kid } = read(() => decodeProtectedHeader(params.assertion));
    const entry = store.get(`DeviceKey:${kid}`);
    if (!entry || entry.expires <= Date.now()) throw new errors.InvalidGrant('no such device key is enrolled');
    const { jwk, accountId, clientId, grantId, scope } = entry.payload;
    if (clientId !== client.clientId) throw new errors.InvalidGrant('the key was enrolled by another client');
    const { payload } = await verified(params.assertion, jwk, {
      algorithms: ['ES256'],
      audience: [issuer, `${issuer}/token`],
      issuer: [clientId, kid],
      subject: accountId,
      requiredClaims: ['exp', 'jti'],
    });
    if (payload.exp > seconds() + LONGEST_LIFE) throw new errors.InvalidGrant('exp is too far away');
    const used = `Assertion:${kid}:${payload.jti}`;
    if (store.get(used)) throw new errors.InvalidGrant('the assertion was used before');
    store.set(used, { model: 'Assertion', payload: {}, expires: payload.exp * 1000 });
    const grant = await provider.Grant.find(grantId);
    if (!grant) throw new errors.InvalidGrant('the sign-in that enrolled the key was revoked');

    const token = new provider.AccessToken({ accountId, client, grantId, gty: 'jwt_bearer', scope });
    ctx.body = {
      access_token: await token.save(),
      expires_in: token.expiration,
      scope,
      token_type: token.tokenType,
    };
  };
  provider.registerGrantType(JWT_BEARER, exchange, ['assertion', 'scope']);
}

function read(parse) {
  try {
    return parse();
  } catch {
    throw new errors.InvalidGrant('the assertion is no signed JWT');
  }
}

async function verified(assertion, jwk, expected) {
  try {
    return await jwtVerify(assertion, await importJWK(jwk, 'ES256'), expected);
  } catch (error) {
    throw new errors.InvalidGrant(`the assertion: ${error.code ?? 'not valid'}`);
  }
}

function seconds() {
  return Math.floor(Date.now() / 1000);
}

async function body(request) {
  const chunks = [];
  let size = 0;
  for await (const chunk of request) {
    size += chunk.length;
    if (size > 4096) throw new errors.InvalidRequest('too large');
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}
