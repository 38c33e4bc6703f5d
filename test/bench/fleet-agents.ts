/**
 * A process with many agents, each with its own key, home and uplink: `node fleet-agents.ts HOME …`. Says `ready` over IPC
 * when all are at work, and on `stats` how often they listed and watched.
 */
import { runAgent } from '../../agent/main.ts';
import { silentLogger } from '../../controller/kit/log.ts';
import { Metrics } from '../../controller/kit/metrics.ts';

export interface FleetStats {
  lists: number;
  watches: number;
  /** Watches that could not go on because the server had forgotten the history since. */
  expired: number;
}

const stop = new AbortController();
process.once('SIGTERM', () => stop.abort());
process.once('disconnect', () => stop.abort());

const agents = process.argv.slice(2).map(home => {
  const metrics = new Metrics();
  const ready = Promise.withResolvers<void>();
  const running = runAgent(
    { home, drivers: ['memory'], log: silentLogger, metrics, onReady: ready.resolve },
    stop.signal,
  );
  return { metrics, running, ready: Promise.race([ready.promise, running]) };
});

process.on('message', async () => {
  const texts = await Promise.all(agents.map(({ metrics }) => metrics.text()));
  const sum = (name: string, label = '') =>
    texts.reduce((total, text) => {
      const lines = text.matchAll(new RegExp(`^${name}(?:\\{[^}]*${label}[^}]*\\})? (\\d+)`, 'gm'));
      return [...lines].reduce((sum, [, value]) => sum + Number(value), total);
    }, 0);
  const stats: FleetStats = {
    lists: sum('nexus_informer_lists_total'),
    watches: sum('nexus_informer_watches_total'),
    expired: sum('nexus_informer_failures_total', 'reason="(?:Expired|Gone)"'),
  };
  process.send?.(stats);
});

await Promise.all(agents.map(({ ready }) => ready));
process.send?.('ready');
await Promise.all(agents.map(({ running }) => running));
process.exit(0);
