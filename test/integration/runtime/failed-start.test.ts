import { once } from 'node:events';
import { createServer } from 'node:net';
import t from 'tap';
import { resolveOptions } from '../../../controller/kit/options.ts';
import { runController } from '../../../controller/main.ts';
import { SERVER_OPTIONS } from '../../../controller/options.ts';
import { recordingLogger } from '../../support/recording-logger.ts';
import { layServerTls } from '../../support/server-tls.ts';

t.test('a controller whose gateway cannot listen stops all that it had started', async t => {
  const taken = createServer().listen(0, '127.0.0.1');
  t.teardown(() => taken.close());
  await once(taken, 'listening');
  const { port } = taken.address() as { port: number };
  const home = t.testdir({});
  await layServerTls(home);
  const flags = { listen: '127.0.0.1:0', gatewayListen: `127.0.0.1:${port}` };
  const { values } = resolveOptions(SERVER_OPTIONS, { flags });
  const { log, lines } = recordingLogger();
  const stop = new AbortController();
  t.teardown(() => stop.abort());
  await t.rejects(runController({ ...values, home, log }, stop.signal), {
    name: 'StartError',
    cause: { code: 'EADDRINUSE' },
  });
  const parts = (msg: string) =>
    lines
      .map(line => JSON.parse(line))
      .filter(line => line.msg === msg && line.part !== undefined)
      .map(({ part }) => part)
      .sort();
  t.ok(parts('starting').length > 5);
  t.same(parts('stopped'), parts('starting'));
});
