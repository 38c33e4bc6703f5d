import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface FakeGitHub {
  url: string;
  /** Token → whose it is. */
  users: Map<string, { login: string; id: number }>;
  /** `owner/name` → logins that may push. */
  repositories: Map<string, string[]>;
  /** Requests so far, as `GET /user`. */
  calls: string[];
  close(): Promise<void>;
}

/** The calls of GitHub's REST API that Nexus makes, answered in its shapes: GitHub itself cannot be reached by tests. */
export async function fakeGitHub(): Promise<FakeGitHub> {
  const users: FakeGitHub['users'] = new Map();
  const repositories: FakeGitHub['repositories'] = new Map();
  const calls: string[] = [];
  const server = createServer((request, response) => {
    const { method = '', url = '' } = request;
    calls.push(`${method} ${url}`);
    const answer = (status: number, body: object) =>
      response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
    const user = users.get((request.headers.authorization ?? '').replace(/^Bearer /, ''));
    if (!user) return answer(401, { message: 'Bad credentials' });
    if (method === 'GET' && url === '/user') return answer(200, { ...user, type: 'User' });
    const [, owner = '', name = '', forks] = /^\/repos\/([^/]+)\/([^/]+)(\/forks)?$/.exec(url) ?? [];
    const writers = repositories.get(`${owner}/${name}`);
    if (!writers) return answer(404, { message: 'Not Found' });
    const view = (login: string, push: boolean) => ({
      name,
      owner: { login },
      clone_url: `https://github.com/${login}/${name}.git`,
      permissions: { pull: true, push },
    });
    if (method === 'GET' && !forks) return answer(200, view(owner, writers.includes(user.login)));
    if (method === 'POST' && forks) {
      repositories.set(`${user.login}/${name}`, [user.login]);
      return answer(202, view(user.login, true));
    }
    return answer(404, { message: 'Not Found' });
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    users,
    repositories,
    calls,
    async close() {
      server.closeAllConnections();
      await new Promise(resolve => server.close(resolve));
    },
  };
}
