import type { Client } from '../../controller/client/client.ts';
import { timestamp } from '../../controller/kit/clock.ts';
import { parseDuration } from '../../controller/kit/duration.ts';
import { WORKSPACE } from '../../crds/kinds.ts';
import { ANNOTATION_RESTARTED_AT } from '../../crds/names.ts';
import type { Workspace } from '../../crds/types.generated.ts';
import type { Command, CommandContext, Flags } from '../command.ts';
import { usageError } from '../errors.ts';
import { waitUntilReady } from '../wait/ready.ts';

interface PowerFlags extends Flags {
  names: string[];
  wait: boolean;
  timeout: string;
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
    change: ({ spec }, context) => {
      if (spec.running === false)
        throw usageError('a stopped workspace is not restarted', 'nexus start NAME');
      return { metadata: { annotations: { [ANNOTATION_RESTARTED_AT]: timestamp(context.clock.now()) } } };
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
        .option('wait', {
          type: 'boolean',
          default: true,
          describe: 'Wait until it is done (--no-wait: do not)',
        })
        .option('timeout', { type: 'string', default: '5m', describe: 'How long to wait' }),
    async run(raw, context) {
      const flags = raw as PowerFlags;
      const timeoutMs = parseDuration(flags.timeout);
      if (timeoutMs === undefined)
        throw usageError(`--timeout must be a duration such as 90s or 5m, not "${flags.timeout}"`);
      const client = await context.client();
      const changed: Workspace[] = [];
      for (const name of flags.names)
        changed.push(await changeOne(verb, client, name.replace(/^(ws|workspaces?)\//, ''), context));
      return flags.wait ? waitUntilReady(client, changed, timeoutMs, context) : 0;
    },
  };
}

async function changeOne(
  verb: Verb,
  client: Client,
  name: string,
  context: CommandContext,
): Promise<Workspace> {
  const key = { name, namespace: await context.namespace() };
  const workspace = await client.get(WORKSPACE, key, context.signal);
  const change = verb.change(workspace, context);
  if (!change) {
    context.print(`${name} ${verb.already}`);
    return workspace;
  }
  // The same owner as `apply`'s would make the next apply of the file take the change back, which is right for a file
  // that says `running`, and leaves it alone for one that does not.
  const after = await client.patch(WORKSPACE, key, 'merge', change, {
    fieldManager: `nexus-${verb.name}`,
    signal: context.signal,
  });
  context.print(`${name} ${verb.done}`);
  return after;
}

export const [start, stop, restart] = VERBS.map(command) as [Command, Command, Command];
