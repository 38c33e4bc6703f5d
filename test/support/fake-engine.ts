import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Test } from 'tap';

export interface FakeEngine {
  socketPath: string;
  server: Server;
  /** Breaks every connection and stops listening. */
  die(): Promise<void>;
}

type Handler = (request: IncomingMessage, response: ServerResponse) => void;

/** For what no real engine does on demand: a socket that speaks the first words of the API and then does as `handle` says. */
export async function fakeEngine(t: Test, handle: Handler = () => {}): Promise<FakeEngine> {
  const dir = await mkdtemp(join(tmpdir(), 'nexus-engine-'));
  const socketPath = join(dir, 'engine.sock');
  const server = createServer((request, response) => {
    const path = (request.url ?? '').split('?')[0];
    const json = (body: unknown) =>
      response.setHeader('content-type', 'application/json').end(JSON.stringify(body));
    if (path === '/_ping') response.end('OK');
    else if (path === '/version')
      json({ Version: '27.1.0+x', Components: [{ Name: 'Engine', Version: '27.1.0' }] });
    else if (path === '/info')
      json({ NCPU: 2, MemTotal: 4096, SecurityOptions: ['name=rootless'], DockerRootDir: dir });
    else handle(request, response);
  }).listen(socketPath);
  await once(server, 'listening');
  const die = async () => {
    server.closeAllConnections();
    await new Promise(resolve => server.close(resolve));
  };
  t.teardown(async () => {
    await die();
    await rm(dir, { recursive: true, force: true });
  });
  return { socketPath, server, die };
}
