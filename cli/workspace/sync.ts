import { WORKSPACE } from '../../crds/kinds.ts';
import { ANNOTATION_SYNC_CONFIG } from '../../crds/names.ts';
import type { Workspace } from '../../crds/types.generated.ts';
import type { Command, CommandContext, Flags } from '../command.ts';
import { CliError, EXIT } from '../errors.ts';
import { type WaitFlags, waitOptions } from '../wait/options.ts';
import { waitUntilReady } from '../wait/ready.ts';
import { readTimeout } from '../wait/timeout.ts';
import { findWorkspace, followWorkspace } from './find.ts';

interface SyncFlags extends Flags, WaitFlags {
  name: string;
  dryRun: boolean;
}

export const sync: Command = {
  usage: 'sync <name>',
  describe: 'Carry out what .nexus/config.yaml in the working tree says by now',
  examples: [
    ['nexus workspace sync shop', 'services, hooks, image, limits and variables, as the file says'],
    ['nexus workspace sync shop --dry-run', 'only tell what differs'],
  ],
  build: yargs =>
    yargs
      .positional('name', { type: 'string', demandOption: true, describe: 'Workspace' })
      .option('dry-run', { type: 'boolean', default: false, describe: 'Say what would change' })
      .options(waitOptions('it is done')),
  async run(raw, context) {
    const flags = raw as SyncFlags;
    const timeoutMs = readTimeout(flags.timeout);
    const workspace = await findWorkspace(flags.name, context);
    const { name } = workspace.metadata;
    const drift = driftOf(workspace);
    if (drift.reason === 'ConfigApplied') {
      context.print(`${name} is as its .nexus/config.yaml says`);
      return EXIT.done;
    }
    if (drift.reason === 'ConfigInvalid')
      throw new CliError(drift.message, { next: `mend the file in the workspace; nexus ssh ${name}` });
    context.note(drift.message.replace(/ "nexus workspace sync[^"]*" carries it out\.$/, ''));
    if (flags.dryRun) return EXIT.done;
    const synced = await carryOut(workspace, context);
    context.print(`${name} synced`);
    return flags.wait ? waitUntilReady(await context.client(), [synced], timeoutMs, context) : EXIT.done;
  },
};

/** Throws CliError. */
function driftOf({ metadata, spec, status }: Workspace) {
  const found = status?.conditions?.find(({ type }) => type === 'ConfigDrift');
  if (found) return found;
  const { name } = metadata;
  throw new CliError(
    spec.repo
      ? `no .nexus/config.yaml was seen in the working tree of workspace ${name}`
      : `workspace ${name} has no repository`,
    {
      exitCode: EXIT.notFound,
      next: spec.repo
        ? `nexus init in it writes one; nexus workspace status ${name} tells whether it is cloned yet`
        : `nexus edit ws ${name}`,
    },
  );
}

/** The server writes what the very file says that was seen here; resolves once it has. */
async function carryOut({ metadata, status }: Workspace, context: CommandContext): Promise<Workspace> {
  const client = await context.client();
  const { name, namespace } = metadata;
  const digest = status?.config?.digest;
  const annotations = { [ANNOTATION_SYNC_CONFIG]: digest };
  await client.patch(
    WORKSPACE,
    { name, namespace },
    'merge',
    { metadata: { annotations } },
    {
      fieldManager: 'nexus-sync',
      signal: context.signal,
    },
  );
  for await (const now of followWorkspace(name, context)) {
    if (now.metadata.annotations?.[ANNOTATION_SYNC_CONFIG] !== digest) return now;
    const { reason, message } = driftOf(now);
    if (reason === 'ConfigInvalid') throw new CliError(message, { next: 'mend the file in the workspace' });
    if (now.status?.config?.digest !== digest)
      throw new CliError('the file has changed meanwhile', {
        exitCode: EXIT.conflict,
        next: `nexus workspace sync ${name}`,
      });
  }
  context.signal.throwIfAborted();
  throw new CliError(`workspace ${name} is gone`, { exitCode: EXIT.notFound });
}
