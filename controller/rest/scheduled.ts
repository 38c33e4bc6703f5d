import { PLACEMENT, type Resource, WORKSPACE } from '../../crds/kinds.ts';
import type { KubeObject } from '../../crds/object.ts';
import type { Placement, Workspace } from '../../crds/types.generated.ts';
import type { Client } from '../client/client.ts';
import type { Clock, Milliseconds } from '../kit/clock.ts';

/** What became of a workspace that was just created: its SSH port, or why no node can take it. */
export type Verdict = { port: number } | { reason: 'NoNodeFits' | 'PortsExhausted'; message: string };

/** After the last who asked: the next ones find the watches open. */
const LINGER_MS: Milliseconds = 10_000;

interface Open {
  /** Of what is created from then on, everything is seen. */
  ready: Promise<unknown>;
  abort: AbortController;
}

/**
 * Tells those who have just created a workspace where it was placed. All of them share two watches: some for each would
 * cost more than the creates themselves.
 */
export class Scheduled {
  readonly #client: Client;
  readonly #clock: Clock;
  readonly #signal: AbortSignal;
  /** By uid. */
  readonly #waiting = new Map<string, (verdict: Verdict) => void>();
  #open: Open | undefined;
  #users = 0;
  #cancelClose = () => {};

  constructor({ client, clock, signal }: { client: Client; clock: Clock; signal: AbortSignal }) {
    this.#client = client;
    this.#clock = clock;
    this.#signal = signal;
  }

  /** Runs `create`, within which `until` can be asked of what it creates. */
  async watching<T>(create: () => Promise<T>): Promise<T> {
    this.#users++;
    this.#cancelClose();
    try {
      const open = this.#open ?? this.#watch();
      this.#open = open;
      await open.ready;
      return await create();
    } finally {
      if (--this.#users === 0)
        this.#cancelClose = this.#clock.after(LINGER_MS, () => {
          this.#open?.abort.abort();
          this.#open = undefined;
        });
    }
  }

  /** Undefined when it is not known in time. */
  until(uid: string, ms: Milliseconds): Promise<Verdict | undefined> {
    return new Promise(resolve => {
      const end = (verdict?: Verdict) => {
        cancel();
        this.#waiting.delete(uid);
        resolve(verdict);
      };
      const cancel = this.#clock.after(ms, end);
      this.#waiting.set(uid, end);
    });
  }

  /** From now on. When a watch breaks nobody is told in time, and the next create opens others. */
  #watch(): Open {
    const abort = new AbortController();
    const signal = AbortSignal.any([abort.signal, this.#signal]);
    const follow = <T extends KubeObject>(
      resource: Resource<T>,
      verdictOf: (object: T) => [uid: string, verdict: Verdict | undefined],
    ) => {
      const began = this.#client.list(resource, { limit: 1, signal });
      const run = async () => {
        try {
          const { resourceVersion } = (await began).metadata;
          for await (const { type, object } of this.#client.watch(resource, { resourceVersion, signal })) {
            if (this.#waiting.size === 0 || (type !== 'ADDED' && type !== 'MODIFIED')) continue;
            const [uid, verdict] = verdictOf(object);
            if (verdict) this.#waiting.get(uid)?.(verdict);
          }
        } catch {
          // Also its end.
        }
        abort.abort();
        if (this.#open?.abort === abort) this.#open = undefined;
      };
      void run();
      return began.catch(() => {});
    };
    const ready = Promise.all([follow(PLACEMENT, placed), follow(WORKSPACE, refused)]);
    return { ready, abort };
  }
}

function placed({ spec }: Placement): [string, Verdict] {
  return [spec.workspace.uid, { port: spec.ssh.port }];
}

function refused({ metadata, status }: Workspace): [string, Verdict | undefined] {
  const { uid = '' } = metadata;
  const { reason, message = '' } = status?.conditions?.find(({ type }) => type === 'Scheduled') ?? {};
  return [uid, reason === 'NoNodeFits' || reason === 'PortsExhausted' ? { reason, message } : undefined];
}
