import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import type { Test } from 'tap';

const run = promisify(execFile);

export interface GitServer {
  port: number;
  /** Bare repositories are `<root>/<name>.git`; `/private/<name>.git` asks for user `ada` with `password`. */
  root: string;
  password: string;
  /** While set, answers wait for it. */
  hold: Promise<void> | undefined;
  requests: string[];
}

/** `git http-backend` behind a small HTTP server, on loopback unless told. */
export async function startGitServer(t: Test, root: string, host = '127.0.0.1'): Promise<GitServer> {
  const server = createServer();
  const git: GitServer = { port: 0, root, password: 'p@ss w0rd-needle', hold: undefined, requests: [] };
  server.on('request', (request, response) => void serve(git, request, response));
  server.listen(0, host);
  await once(server, 'listening');
  git.port = (server.address() as { port: number }).port;
  t.teardown(() => stop(server));
  return git;
}

function stop(server: Server): Promise<void> {
  server.closeAllConnections();
  return new Promise(resolve => server.close(() => resolve()));
}

async function serve(git: GitServer, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const url = new URL(request.url ?? '/', 'http://git');
  git.requests.push(`${request.method} ${url.pathname}`);
  const path = url.pathname.replace(/^\/private\//, '/');
  const given = Buffer.from(request.headers.authorization?.replace(/^Basic /, '') ?? '', 'base64').toString();
  if (path !== url.pathname && given !== `ada:${git.password}`) {
    response.writeHead(401, { 'www-authenticate': 'Basic realm="git"' }).end('who are you\n');
    return;
  }
  await git.hold;
  const backend = spawn('git', ['http-backend'], {
    env: {
      ...process.env,
      GIT_PROJECT_ROOT: git.root,
      GIT_HTTP_EXPORT_ALL: '1',
      PATH_INFO: path,
      QUERY_STRING: url.search.slice(1),
      REQUEST_METHOD: request.method,
      CONTENT_TYPE: request.headers['content-type'] ?? '',
      HTTP_CONTENT_ENCODING: request.headers['content-encoding'] ?? '',
      GIT_PROTOCOL: request.headers['git-protocol']?.toString() ?? '',
    },
  });
  backend.stdin.on('error', () => {});
  request.pipe(backend.stdin);
  const chunks: Buffer[] = [];
  for await (const chunk of backend.stdout) chunks.push(chunk as Buffer);
  const output = Buffer.concat(chunks);
  const end = output.indexOf('\r\n\r\n');
  let status = 200;
  for (const line of output.subarray(0, end).toString().split('\r\n')) {
    const [name = '', value = ''] = line.split(': ');
    if (name === 'Status') status = Number.parseInt(value, 10);
    else response.setHeader(name, value);
  }
  response.writeHead(status).end(output.subarray(end + 4));
}

/** A repository with branch `main` (two commits), branch `side/one`, tag `v1`, and a commit that only refs/pull/1/head has. */
export async function makeRepository(root: string, name: string) {
  const work = join(root, `${name}-work`);
  const bare = join(root, `${name}.git`);
  const git = async (...args: string[]) =>
    (
      await run('git', ['-C', work, '-c', 'user.name=Ada', '-c', 'user.email=ada@example.com', ...args])
    ).stdout.trim();
  await run('git', ['init', '-q', '-b', 'main', work]);
  const commit = async (text: string) => {
    await writeFile(join(work, 'file'), text);
    await git('add', '-A');
    await git('commit', '-qm', text);
    return git('rev-parse', 'HEAD');
  };
  const first = await commit('first');
  await git('tag', '-am', 'release', 'v1');
  const main = await commit('second');
  await git('checkout', '-qb', 'side/one', first);
  const side = await commit('side');
  await git('checkout', '-q', '--detach', first);
  const pull = await commit('pull');
  await git('checkout', '-q', 'main');
  await run('git', ['clone', '-q', '--bare', work, bare]);
  await run('git', ['-C', bare, 'fetch', '-q', work, `${pull}:refs/pull/1/head`]);
  await run('git', ['-C', bare, 'config', 'uploadpack.allowAnySHA1InWant', 'true']);
  await run('git', ['-C', bare, 'config', 'http.receivepack', 'true']);
  return { bare, first, main, side, pull };
}

/** Puts files on a branch of a bare repository, which is made when there is none; gives the commit. Without files: empty. */
export async function publish(
  root: string,
  name: string,
  files: Record<string, string>,
  branch = 'main',
): Promise<string> {
  const bare = join(root, `${name}.git`);
  await run('git', ['init', '-q', '--bare', '-b', 'main', bare]);
  await run('git', ['-C', bare, 'config', 'uploadpack.allowFilter', 'true']);
  if (Object.keys(files).length === 0) return '';
  const work = await mkdtemp(join(root, 'work-'));
  const git = (...args: string[]) =>
    run('git', ['-C', work, '-c', 'user.name=Ada', '-c', 'user.email=ada@example.com', ...args]);
  await run('git', ['clone', '-q', bare, work]);
  await git('checkout', '-q', '-B', branch);
  for (const [path, content] of Object.entries(files)) {
    await mkdir(dirname(join(work, path)), { recursive: true });
    await writeFile(join(work, path), content);
  }
  await git('add', '-A');
  await git('commit', '-qm', 'files');
  await git('push', '-q', 'origin', branch);
  const commit = (await git('rev-parse', 'HEAD')).stdout.trim();
  await rm(work, { recursive: true, force: true });
  return commit;
}
