import t from 'tap';
import { createMemoryDriver } from '../../../agent/drivers/memory/memory-driver.ts';
import { createNodeReporter } from '../../../agent/node/node-reporter.ts';
import { createClient } from '../../../controller/client/create-client.ts';
import { silentLogger } from '../../../controller/kit/log.ts';
import { FakeClock, settle } from '../../support/fake-clock.ts';
import { TinyApi } from '../../support/tiny-api.ts';

t.test('an engine that comes back while the node is being reported is reported at once', async t => {
  const clock = new FakeClock();
  const api = new TinyApi();
  api.put('/apis/nexus.dev/v1alpha1/nodes/n1', { apiVersion: 'nexus.dev/v1alpha1', kind: 'Node' });
  const driver = createMemoryDriver({ node: 'n1', clock });
  const reporter = createNodeReporter({
    client: createClient({ transport: api }),
    nodeName: 'n1',
    namespace: 'nexus-node-n1',
    address: '127.0.0.1',
    drivers: new Map([['memory', driver]]),
    reserve: { cpuMillis: 0, memoryBytes: 0, diskBytes: 0 },
    clock,
    log: silentLogger,
    random: () => 0.5,
  });
  const told: boolean[] = [];
  const { promise: held, resolve: release } = Promise.withResolvers<void>();
  api.fault = ({ method, path, body }) => {
    if (method !== 'PATCH' || !path.includes('/status')) return undefined;
    told.push(JSON.parse(String(body)).status.drivers[0].ready);
    return told.length === 1 ? held : undefined;
  };
  driver.engine.goDown();
  const abort = new AbortController();
  const running = reporter.run(abort.signal);
  await settle(20);
  t.same(told, [false]);
  driver.engine.comeUp();
  reporter.wake();
  release();
  await settle(20);
  t.same(told, [false, true], 'without waiting for the next regular report');
  abort.abort();
  await running;
});
