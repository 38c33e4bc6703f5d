import { LEASE } from '../../crds/kinds.ts';
import type { Lease } from '../../crds/object.ts';
import type { Client } from '../client/client.ts';
import { childAbort, slept } from '../kit/abort.ts';
import { type Clock, type Milliseconds, microTimestamp } from '../kit/clock.ts';
import { isApiError } from '../kit/errors.ts';
import { jsonEqual } from '../kit/json.ts';
import type { Logger } from '../kit/log.ts';

export interface LeaderElectorOptions {
  client: Client;
  /** The Lease that is held. */
  namespace: string;
  name: string;
  /** Unique to this process. */
  identity: string;
  clock: Clock;
  log: Logger;
  random?: () => number;
  /** Others take over when the Lease was not renewed for this long. Defaults to 15 s. */
  leaseDurationMs?: Milliseconds;
  /** The leader gives up when it could not renew for this long; less than leaseDurationMs. Defaults to 10 s. */
  renewDeadlineMs?: Milliseconds;
  /** Between attempts, spread by a fifth; less than renewDeadlineMs. Defaults to 2 s. */
  retryPeriodMs?: Milliseconds;
}

/** Another process leads now, or nobody could be asked for too long. */
export class LeadershipLost extends Error {
  constructor(name: string, options?: ErrorOptions) {
    super(`leadership of ${name} was lost`, options);
    this.name = 'LeadershipLost';
  }
}

/** One leader among processes, by a Lease, with client-go's rules. Clocks need not agree, only run at the same speed. */
export interface LeaderElector {
  /** Whether this process leads now. */
  readonly leading: boolean;
  /**
   * Waits to become leader, then runs `lead`; its signal is aborted on stop or loss. Resolves after a stop, when `lead`
   * has ended and the Lease was released. Rejects with LeadershipLost, or with what `lead` threw.
   */
  run(signal: AbortSignal, lead: (signal: AbortSignal) => Promise<void>): Promise<void>;
}

export function createLeaderElector(options: LeaderElectorOptions): LeaderElector {
  const { client, clock, namespace, name, identity, log } = options;
  const random = options.random ?? Math.random;
  const leaseMs = options.leaseDurationMs ?? 15_000;
  const deadlineMs = options.renewDeadlineMs ?? 10_000;
  const retryMs = options.retryPeriodMs ?? 2_000;
  if (!(leaseMs > deadlineMs && deadlineMs > retryMs * 1.2))
    throw new RangeError('leaseDurationMs > renewDeadlineMs > 1.2 × retryPeriodMs must hold');
  /** The Lease as last seen, and when it was seen to change, by our own clock. */
  let seen: { spec: Lease['spec']; at: Milliseconds } | undefined;
  let leading = false;

  function note(lease: Lease): void {
    if (!seen || !jsonEqual(seen.spec, lease.spec)) seen = { spec: lease.spec, at: clock.now() };
  }

  /** Takes or renews the Lease; false when another holds it. Throws what the API throws. */
  async function tryHold(signal: AbortSignal): Promise<boolean> {
    const now = microTimestamp(clock.now());
    const mine = {
      holderIdentity: identity,
      leaseDurationSeconds: Math.ceil(leaseMs / 1000),
      renewTime: now,
    };
    let lease: Lease;
    try {
      lease = await client.get(LEASE, { namespace, name }, signal);
    } catch (error) {
      if (!isApiError(error, 'NotFound')) throw error;
      const made: Lease = {
        apiVersion: 'coordination.k8s.io/v1',
        kind: 'Lease',
        metadata: { name, namespace },
        spec: { ...mine, acquireTime: now, leaseTransitions: 0 },
      };
      note(await client.create(LEASE, made, { signal }));
      return true;
    }
    note(lease);
    const holder = lease.spec?.holderIdentity;
    const validMs = (lease.spec?.leaseDurationSeconds ?? 0) * 1000;
    if (holder && holder !== identity && seen && seen.at + validMs > clock.now()) return false;
    const kept = holder === identity;
    const spec = {
      ...lease.spec,
      ...mine,
      acquireTime: kept ? lease.spec?.acquireTime : now,
      leaseTransitions: (lease.spec?.leaseTransitions ?? 0) + (kept ? 0 : 1),
    };
    note(await client.update(LEASE, { ...lease, spec }, { signal }));
    return true;
  }

  /** One attempt that ends within `ms`; errors are logged, not thrown. */
  async function attempt(ms: Milliseconds, signal: AbortSignal): Promise<boolean> {
    const { controller, unlink } = childAbort(signal);
    const cancel = clock.after(ms, () => controller.abort(new Error('no answer in time')));
    try {
      return await tryHold(controller.signal);
    } catch (error) {
      if (!signal.aborted) log.debug({ err: error, lease: name }, 'cannot hold the lease');
      return false;
    } finally {
      cancel();
      unlink();
    }
  }

  const pause = () => retryMs * (1 + 0.2 * random());

  /** Renews until `signal` is aborted (true) or the deadline passed or another leads (false). */
  async function renew(signal: AbortSignal): Promise<boolean> {
    let renewedAt = clock.now();
    while (await slept(clock, pause(), signal)) {
      const left = renewedAt + deadlineMs - clock.now();
      if (left > 0 && (await attempt(left, signal))) renewedAt = clock.now();
      else if (signal.aborted) return true;
      else if (clock.now() >= renewedAt + deadlineMs || holderIsOther()) return false;
    }
    return true;
  }

  const holderIsOther = () => Boolean(seen?.spec?.holderIdentity && seen.spec.holderIdentity !== identity);

  /** Lets others take over at once. */
  async function release(): Promise<void> {
    const { controller } = childAbort();
    const cancel = clock.after(deadlineMs, () => controller.abort(new Error('no answer in time')));
    try {
      const lease = await client.get(LEASE, { namespace, name }, controller.signal);
      if (lease.spec?.holderIdentity !== identity) return;
      const now = microTimestamp(clock.now());
      const spec = { ...lease.spec, holderIdentity: '', leaseDurationSeconds: 1, renewTime: now };
      await client.update(LEASE, { ...lease, spec }, { signal: controller.signal });
    } catch (error) {
      log.debug({ err: error, lease: name }, 'the lease was not released: it runs out by itself');
    } finally {
      cancel();
    }
  }

  async function lead(signal: AbortSignal, run: (signal: AbortSignal) => Promise<void>): Promise<void> {
    const renewing = childAbort(signal);
    const working = childAbort(signal);
    leading = true;
    log.info({ lease: name, identity }, 'leading');
    const renewal = renew(renewing.controller.signal).then(kept => {
      if (!kept) working.controller.abort(new LeadershipLost(name));
      return kept;
    });
    try {
      await run(working.controller.signal);
    } finally {
      renewing.controller.abort();
      const kept = await renewal;
      renewing.unlink();
      working.unlink();
      leading = false;
      if (kept) await release();
      else log.warn({ lease: name, identity }, 'leadership was lost');
    }
    if (!signal.aborted && working.controller.signal.aborted) throw working.controller.signal.reason;
  }

  return {
    get leading() {
      return leading;
    },
    async run(signal, run) {
      while (!signal.aborted) {
        if (await attempt(deadlineMs, signal)) return lead(signal, run);
        await slept(clock, pause(), signal);
      }
    },
  };
}
