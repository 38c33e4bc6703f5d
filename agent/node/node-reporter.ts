import { arch, type as osType, release } from 'node:os';
import type { Client } from '../../controller/client/client.ts';
import { slept } from '../../controller/kit/abort.ts';
import { Backoff } from '../../controller/kit/backoff.ts';
import type { Clock, Milliseconds } from '../../controller/kit/clock.ts';
import { isApiError } from '../../controller/kit/errors.ts';
import { jsonEqual } from '../../controller/kit/json.ts';
import type { Logger } from '../../controller/kit/log.ts';
import { VERSION } from '../../controller/kit/version.ts';
import { NODE } from '../../crds/kinds.ts';
import type { Condition } from '../../crds/object.ts';
import type { Node, NodeStatus } from '../../crds/types.generated.ts';
import type { Driver, DriverName } from '../driver.ts';
import { type DriverReport, nodeStatus } from './node-status.ts';

export const AGENT_FIELD_MANAGER = 'nexus-agent';

export interface NodeReporterOptions {
  client: Client;
  nodeName: string;
  namespace: string;
  address: string;
  drivers: ReadonlyMap<DriverName, Driver>;
  reserve: { cpuMillis: number; memoryBytes: number; diskBytes: number };
  clock: Clock;
  log: Logger;
  random: () => number;
  /** How often engines are asked. Defaults to 30 s. */
  intervalMs?: Milliseconds;
}

export interface NodeReporter {
  /** Resolves with the uid of the Node once it is there. */
  readonly registered: Promise<string | undefined>;
  /** Something about an engine changed: report soon. */
  wake(): void;
  run(signal: AbortSignal): Promise<void>;
}

/** The agent's conditions; Ready is the controller's. */
const OURS = ['DriversReady', 'WorkspacesIsolated'];
const INFO_TIMEOUT_MS = 10_000;

/** Waits for the Node, which the controller or the join makes, and keeps the agent's part of its status. */
export function createNodeReporter(options: NodeReporterOptions): NodeReporter {
  const { client, clock, log, random } = options;
  const { promise: registered, resolve: setRegistered } = Promise.withResolvers<string | undefined>();
  let woken = new AbortController();
  let written: NodeStatus | undefined;
  let conditions: Condition[] = [];

  const report = async (signal: AbortSignal) => {
    const drivers = await Promise.all([...options.drivers.values()].map(driver => ask(driver, clock)));
    const versions = { agent: VERSION, os: osType(), kernel: release(), arch: arch() };
    const next = nodeStatus(
      { address: options.address, drivers, reserve: options.reserve, versions },
      conditions,
      clock.now(),
    );
    if (jsonEqual(next, written)) return;
    const node: Node = {
      apiVersion: 'nexus.dev/v1alpha1',
      kind: 'Node',
      metadata: { name: options.nodeName },
      status: next,
    };
    await client.apply(NODE, node, {
      fieldManager: AGENT_FIELD_MANAGER,
      force: true,
      subresource: 'status',
      signal,
    });
    written = next;
    conditions = next.conditions ?? [];
  };

  return {
    registered,
    wake: () => woken.abort(),
    async run(signal) {
      const backoff = new Backoff({ baseMs: 500, maxMs: 15_000 }, random);
      let isRegistered = false;
      while (!signal.aborted) {
        let waitMs = options.intervalMs ?? 30_000;
        // Before it looks: what happens meanwhile is looked at again.
        woken = new AbortController();
        try {
          if (!isRegistered) {
            const node = await findNode(options, signal);
            conditions = ((node.status?.conditions ?? []) as Condition[]).filter(({ type }) =>
              OURS.includes(type),
            );
            isRegistered = true;
            setRegistered(node.metadata.uid);
          }
          await report(signal);
          backoff.reset();
        } catch (error) {
          if (signal.aborted) return;
          // The Node was deleted under us, and our rights with it; another may be made.
          if (isApiError(error, 'NotFound', 'Forbidden')) {
            isRegistered = false;
            written = undefined;
          }
          const level = backoff.attempt === 0 ? 'warn' : 'debug';
          log[level]({ err: error }, 'the node was not reported; it is tried again');
          waitMs = backoff.next() + 200;
        }
        await slept(clock, waitMs, AbortSignal.any([signal, woken.signal]));
      }
    },
  };
}

async function ask(driver: Driver, clock: Clock): Promise<DriverReport> {
  const timeout = new AbortController();
  const cancel = clock.after(INFO_TIMEOUT_MS, () => timeout.abort(new Error('it does not answer')));
  try {
    return { name: driver.name, info: await driver.info(timeout.signal) };
  } catch (error) {
    return { name: driver.name, error: (error as Error).message };
  } finally {
    cancel();
  }
}

/** Throws until the Node is there and the agent may read it: without either there is nothing that it may do. */
async function findNode({ client, nodeName }: NodeReporterOptions, signal: AbortSignal): Promise<Node> {
  try {
    return await client.get(NODE, { name: nodeName }, signal);
  } catch (error) {
    if (isApiError(error, 'NotFound', 'Forbidden'))
      throw new Error(
        `the server knows no Node "${nodeName}" of this agent's, or it was removed; join again if it should be there`,
        { cause: error },
      );
    throw error;
  }
}
