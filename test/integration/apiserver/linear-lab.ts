import { randomInt } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import type { IncomingMessage } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { BenchClient, type Target } from '../../support/api-bench-target.ts';
import { type ApiProcess, startApiProcess } from '../../support/api-process.ts';
import type { Found, History, Operation, Snapshot, WatchedEvent } from '../../support/linear-history.ts';
import { type Any, CM, configMap } from './lab.ts';

const KEYS = ['a', 'b', 'c'];
/** Codes that say how the object was at that moment. */
const REFUSALS = new Set([404, 409]);

/** A server that is killed and started again, over the same database and at the same port. */
export class KilledServer {
  readonly #folder = mkdtempSync(join(tmpdir(), 'nexus-linear-'));
  #running: Promise<ApiProcess> = startApiProcess({ folder: this.#folder });
  #target: Target | undefined;

  /** Resolves when it serves. */
  async target(): Promise<Target> {
    const { url, ca, token } = await this.#running;
    this.#target ??= {
      server: url,
      tls: { ca },
      headers: { authorization: `Bearer ${token}` },
      async close() {},
    };
    return this.#target;
  }

  /** Resolves when it serves again. */
  async kill(): Promise<void> {
    const server = await this.#running;
    const { port } = new URL(server.url);
    this.#running = server.end('SIGKILL').then(([, signal]) => {
      if (signal !== 'SIGKILL') throw new Error('the server had ended by itself');
      return startApiProcess({ folder: this.#folder, port: Number(port) });
    });
    await this.#running;
  }

  async close(): Promise<void> {
    await (await this.#running).end();
    rmSync(this.#folder, { recursive: true, force: true });
  }
}

/** An answer with its time; no body where none came, or the server said that it failed. */
interface Answer {
  readonly start: number;
  readonly end: number;
  readonly code?: number;
  readonly body?: Any;
}

export async function ask(client: BenchClient, method: string, path: string, body?: object): Promise<Answer> {
  const start = performance.now();
  try {
    const response = await client.open(method, path, body);
    const chunks: Buffer[] = [];
    for await (const chunk of response) chunks.push(chunk as Buffer);
    const answer = { code: response.statusCode ?? 0, body: JSON.parse(Buffer.concat(chunks).toString()) };
    if (answer.code < 500) return { start, end: performance.now(), ...answer };
  } catch {
    // It was killed meanwhile.
  }
  return { start, end: Number.POSITIVE_INFINITY };
}

/** Reads, lists, and writes what it has read, if nobody else did meanwhile. Keeps a record of everything. */
export class Worker {
  readonly operations: Operation[] = [];
  readonly snapshots: Snapshot[] = [];
  readonly #id: number;
  readonly #known = new Map<string, Found>();

  constructor(id: number) {
    this.#id = id;
  }

  async run(server: KilledServer, goesOn: () => boolean): Promise<void> {
    const client = new BenchClient(await server.target());
    try {
      for (let count = 0; goesOn(); count++) {
        await server.target();
        await this.#step(client, KEYS[randomInt(KEYS.length)]!, `${this.#id}-${count}`);
      }
    } finally {
      client.close();
    }
  }

  /** One object more, so that everybody can tell that nothing comes after. Its version. */
  async finish(client: BenchClient): Promise<number> {
    await this.#put(client, { key: 'end', expected: 0, value: 'end' });
    return this.#known.get('end')!.version;
  }

  #step(client: BenchClient, key: string, value: string): Promise<void> {
    const dice = randomInt(10);
    if (dice === 0) return this.#list(client);
    const known = this.#known.get(key);
    if (!known || dice === 1) return this.#read(client, key);
    const { version: expected } = known;
    return dice === 2 && expected > 0
      ? this.#delete(client, key, expected)
      : this.#put(client, { key, expected, value });
  }

  async #read(client: BenchClient, key: string): Promise<void> {
    const { start, end, code, body } = await ask(client, 'GET', `${CM}/${key}`);
    if (code === undefined) return;
    const found = code === 404 ? { version: 0 } : foundOf(body);
    this.#known.set(key, found);
    this.operations.push({ key, start, end, kind: 'read', found });
  }

  async #list(client: BenchClient): Promise<void> {
    const { start, end, body } = await ask(client, 'GET', CM);
    if (!body) return;
    const items = new Map<string, Found>(body.items.map((one: Any) => [one.metadata.name, foundOf(one)]));
    this.snapshots.push({ start, end, version: Number(body.metadata.resourceVersion), items });
    for (const key of KEYS) this.#known.set(key, items.get(key) ?? { version: 0 });
  }

  async #put(
    client: BenchClient,
    { key, expected, value }: { key: string; expected: number; value: string },
  ): Promise<void> {
    const { start, end, code, body } =
      expected === 0
        ? await ask(client, 'POST', CM, configMap(key, { value }))
        : await ask(
            client,
            'PUT',
            `${CM}/${key}`,
            configMap(key, { value }, { resourceVersion: `${expected}` }),
          );
    const outcome = outcomeOf(code, body, () => foundOf(body).version);
    if (typeof outcome === 'number') this.#known.set(key, { version: outcome, value });
    else this.#known.delete(key);
    this.operations.push({ key, start, end, kind: 'put', expected, value, outcome });
  }

  async #delete(client: BenchClient, key: string, expected: number): Promise<void> {
    const preconditions = { resourceVersion: `${expected}` };
    const { start, end, code, body } = await ask(client, 'DELETE', `${CM}/${key}`, { preconditions });
    const outcome = outcomeOf(code, body, () => 'done' as const);
    this.#known.delete(key);
    this.operations.push({ key, start, end, kind: 'delete', expected, outcome });
  }
}

function outcomeOf<T>(code: number | undefined, body: Any, done: () => T): T | 'refused' | 'unknown' {
  if (code === undefined) return 'unknown';
  if (REFUSALS.has(code)) return 'refused';
  if (code >= 300) throw new Error(JSON.stringify(body));
  return done();
}

const foundOf = ({ metadata, data }: Any): Found => ({
  version: Number(metadata.resourceVersion),
  value: data.value,
});

/** Goes on from the last version it was told, whenever it is cut off. */
export class Watcher {
  readonly told: WatchedEvent[] = [];
  #version: number;

  constructor(from: number) {
    this.#version = from;
  }

  /** Until it has come to `end`, once that is known. Throws when the watch tells of an error. */
  async run(server: KilledServer, end: () => number | undefined): Promise<void> {
    while (this.#version < (end() ?? Number.POSITIVE_INFINITY)) {
      const client = new BenchClient(await server.target());
      try {
        const query = `watch=true&allowWatchBookmarks=true&timeoutSeconds=${1 + randomInt(3)}`;
        const stream = await client
          .open('GET', `${CM}?${query}&resourceVersion=${this.#version}`)
          .catch(() => undefined);
        if (stream) await this.#follow(stream);
      } finally {
        client.close();
      }
    }
  }

  /** Until it ends or is cut off, which may be in the middle of a line. */
  async #follow(stream: IncomingMessage): Promise<void> {
    let rest = '';
    stream.setEncoding('utf8');
    try {
      for await (const chunk of stream) {
        const lines = (rest + chunk).split('\n');
        rest = lines.pop()!;
        for (const line of lines) this.#take(JSON.parse(line));
      }
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ECONNRESET') throw error;
    }
  }

  #take({ type, object }: Any): void {
    if (type === 'ERROR')
      throw new Error(`the watch from ${this.#version} told of ${JSON.stringify(object)}`);
    const { version, value } = foundOf({ data: {}, ...object });
    const key = object.metadata.name;
    if (type !== 'BOOKMARK') this.told.push({ key, version, ...(type !== 'DELETED' && { value }) });
    this.#version = version;
  }
}

/** Everything that the workers did and the watchers were told. */
export const historyOf = (workers: readonly Worker[], watchers: readonly Watcher[]): History => ({
  operations: workers.flatMap(({ operations }) => operations),
  snapshots: workers.flatMap(({ snapshots }) => snapshots),
  watches: watchers.map(({ told }) => told),
});
