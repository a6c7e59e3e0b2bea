/**
 * The floor: one Worker written by hand for one route, to be as fast as possible while it checks of the token and the
 * body what a careful author would. No library, no session, no retry, no request id, no log line, no history.
 */
import { GET, PATH, readValue, refuse, type Settings, UPDATE, verify } from './by-hand.ts';

const JSON_HEADERS = { headers: { 'content-type': 'application/json' } };

export default {
  async fetch(request: Request, settings: Settings): Promise<Response> {
    const path = PATH.exec(request.url);
    if (!path) return refuse(404, 'No such path.');
    if (request.method !== 'PUT' && request.method !== 'GET') return refuse(405, 'PUT or GET.');
    const claims = await verify(request.headers.get('authorization'), settings);
    if (!claims) return refuse(401, 'The token does not verify.');
    const scope = [path[2]?.toLowerCase(), path[1]?.toLowerCase(), claims.account_id];
    let statement: D1PreparedStatement;
    if (request.method === 'GET') {
      statement = settings.DB.prepare(GET).bind(...scope);
    } else {
      const value = await readValue(request);
      if (typeof value !== 'number') return value;
      statement = settings.DB.prepare(UPDATE).bind(...scope, value, claims.sub, new Date().toISOString());
    }
    const { results } = await statement.all();
    return results[0] ? new Response(JSON.stringify(results[0]), JSON_HEADERS) : refuse(404, 'Not found.');
  },
};
