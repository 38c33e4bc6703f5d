import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t from 'tap';
import { LxdClient } from '../../../agent/drivers/lxc/api/lxd-client.ts';
import { LxdError, toDriverError } from '../../../agent/drivers/lxc/api/lxd-error.ts';

t.test('an empty collection, of which Incus says null, is one', async t => {
  const dir = mkdtempSync(join(tmpdir(), 'nexus-lxd-'));
  t.teardown(() => rmSync(dir, { recursive: true }));
  const socket = join(dir, 's');
  const server = createServer((_, response) =>
    response.end(JSON.stringify({ type: 'sync', status_code: 200, metadata: null })),
  ).listen(socket);
  await once(server, 'listening');
  const lxd = new LxdClient(socket);
  t.teardown(() => {
    lxd.close();
    server.close();
  });
  t.same(await lxd.list('/1.0/storage-pools/default/volumes/custom?recursion=1'), []);
});

t.test('an exec in an instance that just ended, as LXD and as Incus say it', async t => {
  for (const message of ['Instance is not running', 'Failed to retrieve PID of executing child process'])
    t.match(toDriverError(new LxdError(500, message), 'exec in shop'), { code: 'NotRunning' }, message);
});
