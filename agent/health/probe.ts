import { request } from 'node:http';
import type { Duplex } from 'node:stream';
import { withTimeout } from '../../controller/kit/abort.ts';
import type { Clock } from '../../controller/kit/clock.ts';
import type { Guest } from '../guest/guest.ts';
import type { ResolvedCheck } from '../model/desired.ts';
import type { CheckResult } from './health-state.ts';

/** Carries out one check. Never rejects: what goes wrong is a failed check. */
export type Probe = (instanceId: string, check: ResolvedCheck) => Promise<CheckResult>;

export interface ProbeOptions {
  guest: Pick<Guest, 'check'>;
  clock: Clock;
  /** A stream to a port of the instance. */
  dial: (port: number) => Promise<Duplex>;
}

/** Checks over the network of an instance, and inside it. */
export function createProbe({ guest, clock, dial }: ProbeOptions): Probe {
  return async (instanceId, check) => {
    const { http, tcp, exec, timeoutMs } = check;
    try {
      if (exec) return await guest.check(instanceId, exec, timeoutMs);
      const port = http?.port ?? tcp?.port ?? 0;
      const abort = new AbortController();
      const probing = http ? getOnce(dial, http, abort.signal) : connectOnce(dial, port, abort.signal);
      return await withTimeout(
        probing,
        timeoutMs,
        clock,
        () => new Error(`port ${port} did not answer within ${timeoutMs / 1000} s`),
      ).finally(() => abort.abort());
    } catch (error) {
      return { ok: false, message: (error as Error).message };
    }
  };
}

type Dial = ProbeOptions['dial'];

async function connectOnce(dial: Dial, port: number, signal: AbortSignal): Promise<CheckResult> {
  const stream = await dialFor(dial, port, signal);
  stream.destroy();
  return { ok: true, message: '' };
}

/** 200 to 399 is healthy; redirects are not followed. */
async function getOnce(
  dial: Dial,
  { path, port }: { path: string; port: number },
  signal: AbortSignal,
): Promise<CheckResult> {
  const stream = await dialFor(dial, port, signal);
  return new Promise((resolve, reject) => {
    const asked = request(
      {
        createConnection: () => stream,
        path,
        headers: { host: `localhost:${port}`, 'user-agent': 'nexus-health', connection: 'close' },
        signal,
      },
      answer => {
        const status = answer.statusCode ?? 0;
        answer.resume();
        stream.destroy();
        const ok = status >= 200 && status < 400;
        resolve({ ok, message: ok ? '' : `GET ${path} on port ${port} answered ${status}` });
      },
    );
    asked.once('error', reject);
    asked.end();
  });
}

/** A connection that comes after the check has given up is closed at once. */
async function dialFor(dial: Dial, port: number, signal: AbortSignal): Promise<Duplex> {
  const stream = await dial(port).catch((cause: Error) => {
    throw new Error(`port ${port} is not reached: ${cause.message}`, { cause });
  });
  stream.on('error', () => stream.destroy());
  if (signal.aborted) stream.destroy();
  else signal.addEventListener('abort', () => stream.destroy(), { once: true });
  return stream;
}
