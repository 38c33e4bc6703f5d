/** A process of its own with in-memory nodes: `node scale-agents.ts KUBECONFIG COUNT`. Says `ready` over IPC when all are at work. */
import { runAgent } from '../../agent/main.ts';
import { connect } from '../../controller/client/connect.ts';
import { silentLogger } from '../../controller/kit/log.ts';

const [file = '', count = '1'] = process.argv.slice(2);
const stop = new AbortController();
process.once('SIGTERM', () => stop.abort());
process.once('disconnect', () => stop.abort());

const agents = Array.from({ length: Number(count) }, async (_, i) => {
  const { client } = await connect({ file });
  const ready = Promise.withResolvers<void>();
  const running = runAgent(
    { client, nodeName: `scale-${i}`, drivers: ['memory'], log: silentLogger, onReady: ready.resolve },
    stop.signal,
  );
  await Promise.race([ready.promise, running]);
  return { running, client };
});
const started = await Promise.all(agents);
process.send?.('ready');
await Promise.all(started.map(({ running }) => running));
await Promise.all(started.map(({ client }) => client.close()));
process.exit(0);
