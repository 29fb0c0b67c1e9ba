// A real OpenID provider (npm `oidc-provider`) at /oidc, and around it an EMULATION of the little of a Databricks
// workspace that its SDKs ask before they call: where tokens are given, and whose token one is.
//
// SETUP, a JSON object in the environment: port; clients, secrets by id; pats, user names by token; issued, a file that
// is given every token that the provider gives out, one a line.

import { appendFileSync } from 'node:fs';
import { generateKeyPairSync, randomUUID } from 'node:crypto';
import { createServer } from 'node:http';
import { Provider } from 'oidc-provider';
import { createLocalJWKSet, jwtVerify } from 'jose';

const { port, clients, pats, issued } = JSON.parse(process.env.SETUP);
const origin = `http://127.0.0.1:${port}`;
const issuer = `${origin}/oidc`;

// What tokens can be for. Databricks' clients name none of these and get the first.
const resources = {
  'urn:workspace': { audience: 'workspace', alg: 'ES256', life: 600 },
  'urn:workspace:rs256': { audience: 'workspace', alg: 'RS256', life: 600 },
  'urn:workspace:short': { audience: 'workspace', alg: 'ES256', life: 5 },
  'urn:elsewhere': { audience: 'elsewhere', alg: 'ES256', life: 600 },
};

function keys() {
  const key = (alg, type, options) => {
    const jwk = generateKeyPairSync(type, options).privateKey.export({ format: 'jwk' });
    return { ...jwk, alg, use: 'sig', kid: `${alg}-${randomUUID()}` };
  };
  return [key('ES256', 'ec', { namedCurve: 'P-256' }), key('RS256', 'rsa', { modulusLength: 2048 })];
}

function provider(jwks) {
  const made = new Provider(issuer, {
    jwks: { keys: jwks },
    clients: Object.entries(clients).map(([id, secret]) => ({
      client_id: id,
      client_secret: secret,
      token_endpoint_auth_method: 'client_secret_basic',
      grant_types: ['client_credentials'],
      response_types: [],
      redirect_uris: [],
    })),
    scopes: ['all-apis'],
    routes: { token: '/v1/token', jwks: '/keys-are-here' },
    features: {
      clientCredentials: { enabled: true },
      devInteractions: { enabled: false },
      resourceIndicators: {
        enabled: true,
        defaultResource: () => 'urn:workspace',
        getResourceServerInfo: (ctx, name) => ({
          scope: 'all-apis',
          audience: resources[name].audience,
          accessTokenFormat: 'jwt',
          accessTokenTTL: resources[name].life,
          jwt: { sign: { alg: resources[name].alg } },
        }),
      },
    },
  });
  made.on('grant.success', (ctx) => appendFileSync(issued, `${ctx.body.access_token}\n`));
  made.on('server_error', (ctx, error) => console.error(error));
  return made;
}

let published = keys();
let answer = provider(published).callback();

// What an orderly provider does: new keys sign, and those before are still published; in the end they are not.
const changes = {
  '/test/rotate': () => [...keys(), ...published],
  '/test/retire': () => published.slice(0, 2),
};

// Whose token it is: EMULATED, with SCIM's names.
async function me(authorization) {
  const token = (authorization ?? '').replace('Bearer ', '');
  if (Object.hasOwn(pats, token)) return pats[token];
  const here = createLocalJWKSet({ keys: published.map(({ d, p, q, dp, dq, qi, ...open }) => open) });
  return jwtVerify(token, here, { issuer, audience: 'workspace' }).then(({ payload }) => payload.sub, () => null);
}

function json(response, status, body) {
  response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
}

createServer(async (request, response) => {
  const { url } = request;
  if (url === '/.well-known/databricks-config') {
    json(response, 200, { oidc_endpoint: issuer, workspace_id: '1234567890123456', cloud: 'azure' });
  } else if (url === '/api/2.0/preview/scim/v2/Me') {
    const name = await me(request.headers.authorization);
    if (name) json(response, 200, { id: '1', userName: name, displayName: name, groups: [], emails: [] });
    else json(response, 401, { error_code: 401, message: 'Credential was not sent or was of an unsupported type' });
  } else if (Object.hasOwn(changes, url)) {
    published = changes[url]();
    answer = provider(published).callback();
    json(response, 200, published.map(({ kid }) => kid));
  } else if (url === '/test/health') {
    json(response, 200, {});
  } else if (url.startsWith('/oidc/')) {
    request.originalUrl = url;
    request.url = url.slice('/oidc'.length);
    answer(request, response);
  } else {
    json(response, 404, { error_code: 'ENDPOINT_NOT_FOUND', message: `No API found for '${url}'` });
  }
}).listen(port, '127.0.0.1');
