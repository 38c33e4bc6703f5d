import type { Client, ObjectKey } from '../../controller/client/client.ts';
import { type Clock, type Milliseconds, timestamp } from '../../controller/kit/clock.ts';
import { isApiError } from '../../controller/kit/errors.ts';
import { done, type Lister, type Reconciler } from '../../controller/runtime/reconciler.ts';
import { NODE_COMMAND } from '../../crds/kinds.ts';
import type { NodeCommand, NodeCommandStatus, Placement } from '../../crds/types.generated.ts';
import type { AgentContext } from '../agent-context.ts';
import { AGENT_FIELD_MANAGER } from '../node/node-reporter.ts';
import { COMMANDS, type CommandResult } from './commands.ts';

/** Nobody waits any more for what was asked for longer ago. */
const STALE_MS: Milliseconds = 600_000;
/** One that takes longer has failed. */
const TIMEOUT_MS: Milliseconds = 120_000;
const MAX_OUTPUT = 16 * 1024;
const MAX_ERROR = 4096;

export interface CommandReconcilerOptions {
  client: Client;
  clock: Clock;
  agent: AgentContext;
  placements: Lister<Placement>;
  /** Makes the agent begin anew, soon. */
  restart(): void;
}

/**
 * Does each NodeCommand of this node's namespace once. One that an earlier life of the agent had begun is not begun again:
 * it has succeeded where it was to end that life, and failed otherwise.
 */
export function createCommandReconciler(options: CommandReconcilerOptions): Reconciler {
  const { client, clock } = options;
  const write = (key: ObjectKey, status: NodeCommandStatus, signal: AbortSignal) =>
    client.patch(
      NODE_COMMAND,
      key,
      'merge',
      { status },
      {
        fieldManager: AGENT_FIELD_MANAGER,
        subresource: 'status',
        signal,
      },
    );
  return {
    name: 'node-command',
    async reconcile(key, { signal }) {
      // As it is, not as a cache that lags has it: nothing is done twice.
      const command = await client.get(NODE_COMMAND, key, signal).catch(error => {
        if (isApiError(error, 'NotFound')) return undefined;
        throw error;
      });
      const phase = command?.status?.phase;
      if (!command || phase === 'Succeeded' || phase === 'Failed') return done;
      const startedAt = command.status?.startedAt ?? timestamp(clock.now());
      const finish = (result: CommandResult) => write(key, finished(result, startedAt, clock.now()), signal);
      const { command: name } = command.spec;
      if (phase === 'Running') {
        if (name === 'restart-agent') await finish({ output: 'the agent has begun anew' });
        else await finish({ output: '', error: 'the agent ended before this was done; ask again' });
        return done;
      }
      if (isStale(command, clock.now())) {
        await finish({ output: '', error: 'the agent was away for too long; ask again' });
        return done;
      }
      await write(key, { phase: 'Running', startedAt }, signal);
      if (name === 'restart-agent') options.restart();
      else await finish(await run(name, options, signal));
      return done;
    },
  };
}

const isStale = ({ metadata }: NodeCommand, nowMs: Milliseconds) =>
  nowMs - Date.parse(metadata.creationTimestamp ?? '') > STALE_MS;

async function run(
  name: keyof typeof COMMANDS,
  { agent, placements, clock }: CommandReconcilerOptions,
  signal: AbortSignal,
): Promise<CommandResult> {
  const expired = new AbortController();
  const cancel = clock.after(TIMEOUT_MS, () => expired.abort(new Error('it took too long')));
  try {
    return await COMMANDS[name]({ agent, placements, signal: AbortSignal.any([signal, expired.signal]) });
  } catch (error) {
    return { output: '', error: (error as Error).message };
  } finally {
    cancel();
  }
}

function finished(
  { output, error }: CommandResult,
  startedAt: string,
  nowMs: Milliseconds,
): NodeCommandStatus {
  return {
    phase: error === undefined ? 'Succeeded' : 'Failed',
    output: output.slice(0, MAX_OUTPUT),
    ...(error !== undefined && { error: error.slice(0, MAX_ERROR) }),
    startedAt,
    finishedAt: timestamp(nowMs),
    durationMs: Math.max(0, nowMs - Date.parse(startedAt)),
  };
}
