// The doors that Databricks has in front of agents, EMULATED with real token checks: an App's takes the provider's
// tokens and nothing else, Model Serving's takes PATs too. Behind a door is an agent server; who went in is printed.
//
// SETUP, a JSON object in the environment: issuer; pats, user names by token; doors, each with port, to and takes_pats.

import { createServer, request as call } from 'node:http';
import { createRemoteJWKSet, jwtVerify } from 'jose';

const { issuer, pats, doors } = JSON.parse(process.env.SETUP);
const keys = createRemoteJWKSet(new URL(`${issuer}/keys-are-here`), { cooldownDuration: 0 });

async function who(authorization, takesPats) {
  const [scheme, token = ''] = (authorization ?? '').split(' ');
  if (scheme !== 'Bearer') return null;
  if (takesPats && Object.hasOwn(pats, token)) return { user: pats[token], by: 'pat' };
  const known = jwtVerify(token, keys, { issuer, audience: 'workspace' });
  return known.then(({ payload }) => ({ user: payload.sub, by: 'oauth' }), () => null);
}

for (const { name, port, to, takes_pats: takesPats } of doors) {
  createServer(async (request, response) => {
    if (request.url === '/door') return response.end('open');
    const { authorization, host, ...headers } = request.headers;
    const user = await who(authorization, takesPats);
    const told = headers['x-forwarded-user'] ?? null;
    console.log(JSON.stringify({ door: name, ...(user ?? { refused: true }), told }));
    if (!user) {
      response.writeHead(401).end();
      return request.resume();
    }
    const inside = call(new URL(request.url, to), { method: request.method, headers }, (answer) => {
      response.writeHead(answer.statusCode, answer.headers);
      answer.pipe(response);
    });
    inside.on('error', () => response.destroy());
    response.on('close', () => inside.destroy());
    request.pipe(inside);
  }).listen(port, '127.0.0.1');
}
