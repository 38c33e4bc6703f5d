import type { Milliseconds } from '../../controller/kit/clock.ts';
import { NODE } from '../../crds/kinds.ts';
import type { CommandContext } from '../command.ts';
import { CliError, EXIT } from '../errors.ts';
import { followObject } from '../wait/follow.ts';

/** Resolves once the Node is Ready. Throws CliError with the reason that it is not, when the time is over. */
export async function untilNodeReady(
  name: string,
  timeoutMs: Milliseconds,
  context: CommandContext,
): Promise<void> {
  const { clock } = context;
  const expired = new AbortController();
  const cancel = clock.after(timeoutMs, () => expired.abort());
  const signal = AbortSignal.any([context.signal, expired.signal]);
  let told = 'it is not there';
  try {
    for await (const node of followObject(await context.client(), NODE, { name }, { signal, clock })) {
      const ready = node?.status?.conditions?.find(({ type }) => type === 'Ready');
      if (ready?.status === 'True') return;
      const why = ready ? `${ready.reason}: ${ready.message}` : 'its agent has not reported yet';
      if (why !== told) context.verbose(`node ${name}: ${why}`);
      told = why;
    }
  } finally {
    cancel();
  }
  context.signal.throwIfAborted();
  throw new CliError(`node ${name} is not Ready after ${timeoutMs / 1000} s: ${told}`, {
    exitCode: EXIT.timeout,
    next: `nexus describe node ${name}`,
  });
}
