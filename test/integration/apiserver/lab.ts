import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import type { Test } from 'tap';
import {
  type ApiServer,
  type ApiServerOptions,
  createApiServer,
} from '../../../controller/apiserver/api-server.ts';
import { loadCrds, loadPolicy } from '../../../controller/defaults.ts';
import { Metrics } from '../../../controller/kit/metrics.ts';
import { createMemoryStore } from '../../../controller/store/memory.ts';
import type { StoreOptions } from '../../../controller/store/options.ts';
import type { Store } from '../../../controller/store/store.ts';
import type { KubeObject, Status } from '../../../crds/object.ts';
import { FakeClock } from '../../support/fake-clock.ts';

export const WS = '/apis/nexus.dev/v1alpha1/namespaces/default/workspaces';
export const CM = '/api/v1/namespaces/default/configmaps';

// biome-ignore lint/suspicious/noExplicitAny: answers are looked into, not modelled
export type Any = any;

export interface Answer {
  code: number;
  headers: Record<string, string | string[] | undefined>;
  text: string;
  /** The answer as JSON. */
  body: Any;
}

export interface CallOptions {
  headers?: Record<string, string | undefined>;
  /** Media type of the body. Defaults to application/json. */
  type?: string;
  /** Bearer token; null sends none. Defaults to an admin's. */
  token?: string | null;
}

export interface Lab {
  store: Store;
  server: ApiServer;
  clock: FakeClock;
  metrics: Metrics;
  logged: { level: string; message: string; fields: Any }[];
  token: string;
  call(method: string, path: string, body?: unknown, options?: CallOptions): Promise<Answer>;
  watch(path: string, options?: CallOptions): Promise<WatchLines>;
}

export interface WatchLines {
  code: number;
  /** The next event; undefined at the end. */
  next(): Promise<Any>;
  /** Events up to the end. */
  rest(): Promise<Any[]>;
  close(): void;
}

/** A server over the memory store, spoken to in process, with a clock that stands still. Closed when the test ends. */
export async function startLab(
  t: Test,
  options: Partial<ApiServerOptions> & { storeOptions?: StoreOptions } = {},
): Promise<Lab> {
  const clock = new FakeClock();
  const store = createMemoryStore(options.storeOptions ?? {});
  const metrics = new Metrics();
  const logged: Lab['logged'] = [];
  const log = {
    debug: (fields: object, message: string) => logged.push({ level: 'debug', message, fields }),
    info: (fields: object, message: string) => logged.push({ level: 'info', message, fields }),
    warn: (fields: object, message: string) => logged.push({ level: 'warn', message, fields }),
    error: (fields: object, message: string) => logged.push({ level: 'error', message, fields }),
    child: () => log,
  };
  const server = await createApiServer({
    store,
    crds: loadCrds(),
    policy: loadPolicy(),
    clock,
    metrics,
    log,
    ...options,
  });
  const { token } = await server.tokens.create({ user: 'admin', groups: ['system:masters'] });
  t.teardown(async () => {
    const closing = server.close();
    await closing;
    await store.close();
  });
  const headersOf = (of: CallOptions = {}): Record<string, string> => {
    const headers: Record<string, string | undefined> = { ...of.headers };
    if (of.token !== null) headers.authorization ??= `Bearer ${of.token ?? token}`;
    return Object.fromEntries(Object.entries(headers).filter(([, value]) => value !== undefined)) as Record<
      string,
      string
    >;
  };
  return {
    store,
    server,
    clock,
    metrics,
    logged,
    token,
    async call(method, path, body, of = {}) {
      const headers = headersOf(of);
      const payload =
        body === undefined || typeof body === 'string' || Buffer.isBuffer(body) ? body : JSON.stringify(body);
      if (payload !== undefined) headers['content-type'] = of.type ?? 'application/json';
      const response = await server.app.inject({ method: method as 'GET', url: path, headers, payload });
      const { payload: text } = response;
      const type = String(response.headers['content-type'] ?? '');
      return {
        code: response.statusCode,
        headers: response.headers as Answer['headers'],
        text,
        body:
          type.includes('json') && response.headers['content-encoding'] === undefined && text
            ? JSON.parse(text)
            : undefined,
      };
    },
    async watch(path, of) {
      const response = await server.app.inject({
        method: 'GET',
        url: path,
        headers: headersOf(of),
        payloadAsStream: true,
      });
      return readLines(response.statusCode, response.stream(), () => response.raw.res.destroy());
    },
  };
}

function readLines(code: number, stream: Readable, destroy: () => void): WatchLines {
  stream.on('error', () => {});
  const lines = createInterface(stream)[Symbol.asyncIterator]();
  const next = async () => {
    const { value, done } = await lines.next();
    return done ? undefined : (JSON.parse(value) as Any);
  };
  return {
    code,
    next,
    async rest() {
      const events: Any[] = [];
      for (let event = await next(); event !== undefined; event = await next()) events.push(event);
      return events;
    },
    close: destroy,
  };
}

export function workspace(name: string, spec: object = {}): KubeObject {
  return {
    apiVersion: 'nexus.dev/v1alpha1',
    kind: 'Workspace',
    metadata: { name },
    spec,
  } as unknown as KubeObject;
}

export function configMap(
  name: string,
  data: Record<string, string> = {},
  metadata: object = {},
): KubeObject {
  return {
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { name, ...metadata },
    data,
  } as unknown as KubeObject;
}

/** That an answer is a refusal with this code and reason. */
export function refused(t: Test, answer: Answer, code: number, reason: string, what = ''): Status {
  t.match(
    { code: answer.code, body: answer.body },
    { code, body: { kind: 'Status', apiVersion: 'v1', status: 'Failure', reason, code } },
    what || `${code} ${reason}`,
  );
  return answer.body as Status;
}
