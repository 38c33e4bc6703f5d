import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t from 'tap';
import { noteMissingImage } from '../../../cli/up/missing-image.ts';
import { until } from '../../support/until.ts';

t.test('an image that the engine lacks is told, with what makes it; one that it has is not', async t => {
  // A socket's path is short.
  const folder = mkdtempSync(join(tmpdir(), 'nexus-engine-'));
  t.teardown(() => rmSync(folder, { recursive: true }));
  const socket = join(folder, 'engine.sock');
  const asked: string[] = [];
  const engine = createServer((request, response) => {
    asked.push(request.url ?? '');
    response.writeHead(request.url?.includes('there') ? 200 : 404).end('{}');
  }).listen(socket);
  await once(engine, 'listening');
  t.teardown(() => engine.close());
  const notes: string[] = [];
  noteMissingImage('there:1', socket, line => notes.push(line));
  noteMissingImage('registry.example.com/a/b:1', socket, line => notes.push(line));
  await until(() => notes.length > 0 && asked.length === 2, { timeoutMs: 5000, what: () => `${asked}` });
  t.same(notes.length, 1);
  t.match(notes[0], /registry\.example\.com\/a\/b:1, is not on the engine; `nexus image` makes it/);
  t.ok(asked.includes('/images/registry.example.com%2Fa%2Fb%3A1/json'));
});
