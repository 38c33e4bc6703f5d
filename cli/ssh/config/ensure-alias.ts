import { execFile } from 'node:child_process';
import { userInfo } from 'node:os';
import { join } from 'node:path';
import type { Workspace } from '../../../crds/types.generated.ts';
import type { CommandContext } from '../../command.ts';
import { CliError } from '../../errors.ts';
import { configFile } from '../places.ts';
import { hostAlias } from '../published.ts';
import { sshAliasOf } from './alias-of.ts';
import { readHosts } from './hosts.ts';
import { installInclude } from './include.ts';
import { updateConfig } from './update.ts';

/** How plain ssh is told to reach a workspace. */
export interface SshAlias {
  alias: string;
  /** `[-F FILE] ALIAS`; the file only where it is not the one that ssh reads by itself. */
  args: string[];
}

/**
 * The name by which plain ssh, and so every editor, knows a workspace. Where ssh does not know it yet, what
 * `nexus ssh-config` writes is written, which is told. Throws CliError when it cannot be.
 */
export async function ensureAlias(workspace: Workspace, context: CommandContext): Promise<SshAlias> {
  const found = await write(workspace, context);
  if (found.args.length > 1)
    context.note(
      `note: your editor must be told of ${found.args[1]}, which is not where ssh looks by itself (VS Code: remote.SSH.configFile)`,
    );
  return found;
}

async function write(workspace: Workspace, context: CommandContext): Promise<SshAlias> {
  const known = await find(workspace, context);
  if (known && (await isKnown(known, workspace, context))) return known;
  try {
    const { hosts } = await updateConfig(context, {});
    const done = await installInclude(hosts.file, configFile(context.home));
    if (done !== 'unchanged')
      context.note(`${hosts.file}: one Include line added (\`nexus ssh-config remove\` takes it away)`);
  } catch (cause) {
    throw unwritten(workspace, (cause as Error).message, cause);
  }
  const written = await find(workspace, context);
  if (written && (await isKnown(written, workspace, context))) return written;
  throw unwritten(workspace, 'it is written, but ssh does not find it');
}

const unwritten = ({ metadata: { name } }: Workspace, why: string, cause?: unknown) =>
  new CliError(`plain ssh does not know workspace ${name}, which editors need: ${why}`, {
    next: `nexus ssh-config --file FILE, where FILE is read by your ssh; \`nexus ssh ${name}\` works without`,
    cause,
  });

async function find(workspace: Workspace, context: CommandContext): Promise<SshAlias | undefined> {
  const alias = await sshAliasOf(workspace, context);
  const hosts = await readHosts(context.home, (await context.connection()).context);
  if (!alias || !hosts) return undefined;
  // ssh looks in the account's home, not in HOME.
  const isUsual = hosts.file === join(userInfo().homedir, '.ssh', 'config');
  return { alias, args: [...(isUsual ? [] : ['-F', hosts.file]), alias] };
}

/** Asks ssh itself. */
function isKnown(
  { args }: SshAlias,
  { metadata }: Workspace,
  { io, signal }: CommandContext,
): Promise<boolean> {
  const wanted = `hostkeyalias ${hostAlias({ namespace: 'default', ...metadata })}`;
  return new Promise(resolve => {
    execFile('ssh', ['-G', ...args], { env: io.env as NodeJS.ProcessEnv, signal }, (error, stdout) =>
      // Without ssh here, the login that follows says so.
      resolve(
        error ? (error as NodeJS.ErrnoException).code === 'ENOENT' : stdout.split('\n').includes(wanted),
      ),
    );
  });
}
