import type { IncomingMessage, ServerResponse } from 'node:http';
import t from 'tap';
import { createClient } from '../../../controller/client/create-client.ts';
import { httpsTransport } from '../../../controller/client/https-transport.ts';
import { systemClock } from '../../../controller/kit/clock.ts';
import { silentLogger } from '../../../controller/kit/log.ts';
import { createInformer } from '../../../controller/runtime/informer.ts';
import { WORKSPACE } from '../../../crds/kinds.ts';
import type { Workspace } from '../../../crds/types.generated.ts';
import { startHttpsServer } from '../../support/https-server.ts';
import { TinyApi } from '../../support/tiny-api.ts';
import { until } from '../../support/until.ts';

const at = (name: string) => `/apis/nexus.dev/v1alpha1/namespaces/default/workspaces/${name}`;

/** The same numbers for the same seed. */
function randomOf(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state * 1_664_525 + 1_013_904_223) % 2 ** 32;
    return state / 2 ** 32;
  };
}

/** How an answer goes wrong. */
const TROUBLES = [
  'none',
  'none',
  'cut',
  'half',
  'garbage',
  'html',
  '500',
  '429',
  'reset',
  'silent',
  'early-end',
] as const;

/** A server in front of `api` that goes wrong in every way it can. */
function troubled(api: TinyApi, random: () => number, isCalm: () => boolean) {
  return async (request: IncomingMessage, response: ServerResponse) => {
    const trouble = isCalm() ? 'none' : (TROUBLES[Math.floor(random() * TROUBLES.length)] ?? 'none');
    const stop = new AbortController();
    response.on('close', () => stop.abort());
    response.on('error', () => {});
    if (trouble === 'reset') return void request.socket.destroy();
    if (trouble === 'silent') return;
    if (trouble === '500' || trouble === '429') return void response.writeHead(Number(trouble)).end('no');
    if (trouble === 'html') return void response.end('<html>proxy</html>');
    try {
      const { method = 'GET', url = '' } = request;
      const answer = await api.request({ method, path: url, headers: {}, signal: stop.signal });
      response.writeHead(answer.status);
      let left = trouble === 'none' ? Number.POSITIVE_INFINITY : Math.floor(random() * 400);
      for await (const chunk of answer.body) {
        if (chunk.length < left) {
          // In pieces, so that lines and characters are split.
          const middle = Math.floor(random() * chunk.length);
          response.write(chunk.subarray(0, middle));
          response.write(chunk.subarray(middle));
          left -= chunk.length;
          continue;
        }
        if (trouble === 'half') response.write(chunk.subarray(0, Math.max(0, left)));
        if (trouble === 'garbage') response.write('\u0000{"type": nonsense}\n');
        if (trouble === 'early-end' || trouble === 'garbage') response.end();
        else response.destroy();
        return stop.abort();
      }
      response.end();
    } catch {
      response.destroy();
    }
  };
}

for (const [seed, streamsLists] of [
  [1, true],
  [2, false],
  [3, true],
] as const) {
  t.test(`a server that goes wrong in every way leaves no trace in the cache (seed ${seed})`, async t => {
    const random = randomOf(seed);
    const api = new TinyApi();
    api.streamsLists = streamsLists;
    let calm = false;
    const server = await startHttpsServer(troubled(api, random, () => calm));
    const transport = httpsTransport({ server: server.url, ca: server.certificates.ca, idleTimeoutMs: 60 });
    const informer = createInformer<Workspace>({
      client: createClient({ transport }),
      resource: WORKSPACE,
      clock: systemClock,
      log: silentLogger,
      random,
      backoff: { baseMs: 1, maxMs: 8 },
      silenceMs: 60,
      pageSize: 3,
    });
    // What a handler has been told must add up to the cache.
    const told = new Map<string, string>();
    const wrong: string[] = [];
    informer.onChange(({ old, now }) => {
      const name = (now ?? old)?.metadata.name ?? '';
      if (Boolean(old) !== told.has(name)) wrong.push(`${name} ${old ? 'was' : 'was not'} there`);
      if (now) told.set(name, now.metadata.uid ?? '');
      else told.delete(name);
    });
    const stop = new AbortController();
    const running = informer.run(stop.signal);
    t.teardown(async () => {
      stop.abort();
      await running;
      await transport.close();
      await server.close();
    });
    for (let i = 0; i < 150; i++) {
      const name = `w${Math.floor(random() * 8)}`;
      if (random() < 0.3) api.remove(at(name));
      else api.put(at(name), { metadata: { name, labels: { step: `é${i}` } } });
      if (random() < 0.05) api.compact();
      if (random() < 0.05) api.cutWatches();
      if (random() < 0.1) api.bookmark();
      await systemClock.sleep(random() < 0.5 ? 0 : 4);
    }
    calm = true;
    api.put(at('last'), {});
    const versions = (objects: { metadata: { name: string; resourceVersion?: string; uid?: string } }[]) =>
      objects.map(o => `${o.metadata.name} ${o.metadata.uid} ${o.metadata.resourceVersion}`).sort();
    const truth = () => versions(api.all('/workspaces/'));
    await until(() => JSON.stringify(versions(informer.list())) === JSON.stringify(truth()), {
      timeoutMs: 10_000,
      what: () => `the truth: ${truth()}; there was ${versions(informer.list())}`,
      everyMs: 5,
    });
    t.same(wrong, []);
    t.same(
      [...told.keys()].sort(),
      informer
        .list()
        .map(o => o.metadata.name)
        .sort(),
    );
  });
}
