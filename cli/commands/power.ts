import type { Client } from '../../controller/client/client.ts';
import type { Milliseconds } from '../../controller/kit/clock.ts';
import { WORKSPACE } from '../../crds/kinds.ts';
import { ANNOTATION_RESTARTED_AT } from '../../crds/names.ts';
import type { Workspace } from '../../crds/types.generated.ts';
import type { Command, CommandContext, Flags } from '../command.ts';
import { CliError, EXIT } from '../errors.ts';
import { type WaitFlags, waitOptions } from '../wait/options.ts';
import { waitUntilReady } from '../wait/ready.ts';
import { untilRestarted } from '../wait/restarted.ts';
import { readTimeout } from '../wait/timeout.ts';
import { workspaceName } from '../workspace/find.ts';
import { renewLogin } from '../workspace/renew-login.ts';

interface PowerFlags extends Flags, WaitFlags {
  names: string[];
}

interface Verb {
  name: 'start' | 'stop' | 'restart';
  describe: string;
  /** What is merged into the workspace; undefined: it is so already. */
  change(workspace: Workspace, context: CommandContext): object | undefined;
  already: string;
  done: string;
}

const VERBS: Verb[] = [
  {
    name: 'start',
    describe: 'Start workspaces that were stopped',
    change: ({ spec }) => (spec.running === false ? { spec: { running: true } } : undefined),
    already: 'is meant to run already',
    done: 'starting',
  },
  {
    name: 'stop',
    describe: 'Stop workspaces; container, filesystem and volume are kept',
    change: ({ spec }) => (spec.running === false ? undefined : { spec: { running: false } }),
    already: 'is stopped already',
    done: 'stopping',
  },
  {
    name: 'restart',
    describe: 'Restart the containers of workspaces once',
    change: ({ spec, metadata }, context) => {
      if (spec.running === false)
        throw new CliError(`${metadata.name} is stopped`, { next: `nexus start ${metadata.name}` });
      return {
        metadata: { annotations: { [ANNOTATION_RESTARTED_AT]: new Date(context.clock.now()).toISOString() } },
      };
    },
    already: '',
    done: 'restarting',
  },
];

function command(verb: Verb): Command {
  return {
    usage: `${verb.name} <names..>`,
    describe: verb.describe,
    examples: [[`nexus ${verb.name} shop`, `and wait until it is done`]],
    build: yargs =>
      yargs
        .positional('names', { type: 'string', array: true, demandOption: true, describe: 'Workspaces' })
        .options(waitOptions('it is done')),
    async run(raw, context) {
      const flags = raw as PowerFlags;
      const timeoutMs = readTimeout(flags.timeout);
      const client = await context.client();
      const namespace = await context.namespace();
      const keys = flags.names.map(name => ({ name: workspaceName(name), namespace }));
      // All are read before the first is changed: a wrong name changes nothing.
      const found: Workspace[] = [];
      for (const key of keys) found.push(await client.get(WORKSPACE, key, context.signal));
      const changes = found.map(workspace => verb.change(workspace, context));
      if (verb.name === 'start') for (const workspace of found) await renewLogin(workspace, context);
      const changed: Changed[] = [];
      for (const [i, workspace] of found.entries())
        changed.push(await changeOne(verb, { client, workspace, change: changes[i] }, context));
      return flags.wait ? waitForAll(client, changed, timeoutMs, context) : EXIT.done;
    },
  };
}

interface Changed {
  workspace: Workspace;
  isRestart: boolean;
}

async function changeOne(
  verb: Verb,
  { client, workspace, change }: { client: Client; workspace: Workspace; change: object | undefined },
  context: CommandContext,
): Promise<Changed> {
  const { name, namespace } = workspace.metadata;
  const isRestart = verb.name === 'restart';
  if (!change) {
    context.print(`${name} ${verb.already}`);
    return { workspace, isRestart };
  }
  // The same owner as `apply`'s would make the next apply of the file take the change back, which is right for a file
  // that says `running`, and leaves it alone for one that does not.
  const after = await client.patch(WORKSPACE, { name, namespace }, 'merge', change, {
    fieldManager: `nexus-${verb.name}`,
    signal: context.signal,
  });
  context.print(`${name} ${verb.done}`);
  return { workspace: after, isRestart };
}

async function waitForAll(
  client: Client,
  changed: Changed[],
  timeoutMs: Milliseconds,
  context: CommandContext,
): Promise<number> {
  const { clock } = context;
  const until = clock.now() + timeoutMs;
  const expired = new AbortController();
  const cancel = clock.after(timeoutMs, () => expired.abort());
  const signal = AbortSignal.any([context.signal, expired.signal]);
  try {
    // Readiness of the container before would be taken for that of the new one.
    await Promise.all(
      changed
        .filter(({ isRestart }) => isRestart)
        .map(({ workspace }) => untilRestarted(client, workspace, { signal, clock })),
    );
  } finally {
    cancel();
  }
  const left = Math.max(1, until - clock.now());
  return waitUntilReady(
    client,
    changed.map(({ workspace }) => workspace),
    left,
    context,
  );
}

export const [start, stop, restart] = VERBS.map(command) as [Command, Command, Command];
