import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http';
import { type ApiAnswer, createApi } from './api.ts';
import type { DeviceFlow } from './device-flow.ts';
import { answerFault, type Faults, limitHeaders } from './faults.ts';
import type { GitFolder } from './git.ts';
import { mayPush, mayRead, repositoryKey, type Token, type World } from './world.ts';

const MAX_BODY_BYTES = 1024 * 1024;

export interface ListenerParts {
  world: World;
  git: GitFolder;
  faults: Faults;
  device: DeviceFlow;
  calls: string[];
}

/** Tells by host and path what a request asks for: the API, git, or the device flow. */
export function createListener({ world, git, faults, device, calls }: ListenerParts): RequestListener {
  const api = createApi(world, git);

  async function handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { method = '' } = request;
    const host = (request.headers.host ?? '').replace(/:443$/, '');
    const { pathname, searchParams, search } = new URL(request.url ?? '/', 'http://any');
    const apiPath = apiPathOf(host, pathname);
    calls.push(apiPath === undefined ? `${method} ${host}${pathname}` : `${method} ${apiPath}${search}`);
    const fault = faults.next();
    if (fault && fault.how !== 'answer-lost') return answerFault(fault, request, response);
    if (apiPath !== undefined) {
      const presented = tokenOf(request);
      const token = world.tokens.get(presented ?? '');
      const answer: ApiAnswer =
        presented !== undefined && !token
          ? { status: 401, body: { message: 'Bad credentials' } }
          : await api({
              method,
              path: apiPath,
              query: searchParams,
              body: parsed(await read(request)),
              token,
              host: host === 'api.github.com' ? 'github.com' : host,
              accept: request.headers.accept ?? '',
            });
      return fault ? void request.socket.destroy() : send(response, answer, token);
    }
    if (method === 'POST' && /^\/login\/(device\/code|oauth\/access_token)$/.test(pathname)) {
      const form = new URLSearchParams((await read(request)).toString());
      const answer = pathname.endsWith('code') ? device.start(form, host) : device.token(form);
      const json = request.headers.accept?.includes('json');
      const type = json ? 'application/json' : 'application/x-www-form-urlencoded';
      response.writeHead(200, { 'content-type': `${type}; charset=utf-8` });
      response.end(json ? JSON.stringify(withNumbers(answer)) : new URLSearchParams(answer).toString());
      return;
    }
    const [, owner, name, path] =
      /^\/([^/]+)\/([^/]+?)(?:\.git)?\/((?:info\/refs|git-[a-z-]+)$)/.exec(pathname) ?? [];
    if (owner && name && path)
      return serveGit(request, response, { owner, name, path, query: search.slice(1) });
    response.writeHead(404).end('Not Found');
  }

  async function serveGit(
    request: IncomingMessage,
    response: ServerResponse,
    at: { owner: string; name: string; path: string; query: string },
  ): Promise<void> {
    const refuse = (status: number, text: string, headers: Record<string, string> = {}) => {
      response.writeHead(status, { 'content-type': 'text/plain; charset=utf-8', ...headers }).end(text);
      request.resume();
    };
    const ask = () => refuse(401, 'Repository not found.', { 'www-authenticate': 'Basic realm="GitHub"' });
    const presented = tokenOf(request);
    const token = world.tokens.get(presented ?? '');
    const repository = world.repositories.get(repositoryKey(at.owner, at.name));
    const pushes = `${at.path}?${at.query}`.includes('git-receive-pack');
    if (presented !== undefined && !token) return ask();
    if (!repository || !mayRead(token, repository))
      return token ? refuse(404, 'Repository not found.') : ask();
    if (pushes && !token) return ask();
    if (pushes && !mayPush(token, repository))
      return refuse(403, `Permission to ${at.owner}/${at.name}.git denied to ${token?.login}.`);
    return git.serve(request, response, {
      ...at,
      owner: repository.owner,
      name: repository.name,
      user: token?.login ?? '',
    });
  }

  return (request, response) =>
    void handle(request, response).catch(error => {
      // Of the fake itself: nothing that GitHub would say.
      if (!response.headersSent) response.writeHead(500);
      response.end(String(error));
    });
}

/** What comes after the prefix of the API; undefined for what is not of it. */
function apiPathOf(host: string, pathname: string): string | undefined {
  if (pathname === '/api/graphql') return '/graphql';
  if (/^\/api\/v3(\/|$)/.test(pathname)) return pathname.slice('/api/v3'.length) || '/';
  const isWeb = /^\/login\//.test(pathname) || /\/(info\/refs|git-(upload|receive)-pack)$/.test(pathname);
  const isApiHost = host === 'api.github.com' || /^(127\.0\.0\.1|localhost)(:|$)/.test(host);
  return isApiHost && !isWeb ? pathname : undefined;
}

/** `token T`, `Bearer T`, or the password of Basic. */
function tokenOf({ headers }: IncomingMessage): string | undefined {
  const [, scheme = '', value = ''] = /^(\S+) +(\S+)$/.exec(headers.authorization ?? '') ?? [];
  if (/^(token|bearer)$/i.test(scheme)) return value;
  if (!/^basic$/i.test(scheme)) return undefined;
  const [name = '', ...password] = Buffer.from(value, 'base64').toString().split(':');
  return password.join(':') || name;
}

async function read(request: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of request) {
    size += (chunk as Buffer).length;
    if (size > MAX_BODY_BYTES) throw new Error('the body is too large');
    chunks.push(chunk as Buffer);
  }
  return Buffer.concat(chunks);
}

function parsed(body: Buffer): Record<string, unknown> {
  try {
    return JSON.parse(body.toString() || '{}');
  } catch {
    return {};
  }
}

const withNumbers = (answer: Record<string, string>) =>
  Object.fromEntries(
    Object.entries(answer).map(([name, value]) => [
      name,
      /^(expires_in|interval)$/.test(name) ? Number(value) : value,
    ]),
  );

function send(
  response: ServerResponse,
  { status, body, raw, accepts }: ApiAnswer,
  token: Token | undefined,
): void {
  response.writeHead(status, {
    ...limitHeaders(4999, 3600),
    ...(token?.scopes && {
      'x-oauth-scopes': token.scopes.join(', '),
      'x-accepted-oauth-scopes': (accepts ?? []).join(', '),
    }),
    ...(raw ? { 'content-type': 'application/vnd.github.raw' } : {}),
    ...(body !== undefined && { 'content-type': 'application/json; charset=utf-8' }),
  });
  response.end(raw ?? (body === undefined ? undefined : JSON.stringify(body)));
}
