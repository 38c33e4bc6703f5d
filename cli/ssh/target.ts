import { existsSync, mkdirSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { WORKSPACE } from '../../crds/kinds.ts';
import { placementName } from '../../crds/names.ts';
import type { Workspace } from '../../crds/types.generated.ts';
import type { CommandContext } from '../command.ts';
import { CliError } from '../errors.ts';

/** How to reach a workspace by ssh. */
export interface SshTarget {
  workspace: Workspace;
  host: string;
  port: number;
  user: string;
  /** Options for ssh, scp and sftp alike: host key checked against what the server published, our key offered too. */
  options: string[];
}

/** The file of the key that Nexus made for this installation. */
export function ownKeyFile(home: string): string {
  return join(home, 'ssh', 'id_ed25519');
}

/**
 * A workspace that takes connections. Throws ApiError NotFound, and CliError with what to do when it is stopped or not
 * there yet.
 */
export async function sshTarget(name: string, context: CommandContext): Promise<SshTarget> {
  const client = await context.client();
  const namespace = await context.namespace();
  const workspace = await client.get(
    WORKSPACE,
    { name: name.replace(/^(ws|workspaces?)\//, ''), namespace },
    context.signal,
  );
  const { spec, status } = workspace;
  if (spec.running === false)
    throw new CliError(`workspace ${name} is stopped`, { next: `nexus start ${name}` });
  const { host, port, user, hostKeys } = status?.ssh ?? {};
  if (!host || !port || !user || !hostKeys?.length) {
    throw new CliError(
      `workspace ${name} has no SSH server yet (${status?.phase ?? 'Pending'}${status?.message ? `: ${status.message}` : ''})`,
      { next: `nexus wait ws/${name} --for condition=SSHReady` },
    );
  }
  if (status?.phase === 'Unknown')
    context.note(`warning: ${status.message ?? 'its node is silent; it may not answer'}`);
  const alias = placementName(workspace.metadata.name, workspace.metadata.namespace ?? namespace);
  const knownHosts = writeKnownHosts(context.home, alias, hostKeys);
  const key = ownKeyFile(context.home);
  const options = [
    ['HostKeyAlias', alias],
    ['UserKnownHostsFile', knownHosts],
    ['GlobalKnownHostsFile', '/dev/null'],
    ['StrictHostKeyChecking', 'yes'],
    ['ServerAliveInterval', '15'],
    ['ServerAliveCountMax', '4'],
    ['LogLevel', 'ERROR'],
    // Named, it would take the place of the keys that ssh finds by itself, so those are named as well.
    ...(existsSync(key)
      ? [['IdentityFile', key], ...defaultIdentities(context).map(file => ['IdentityFile', file])]
      : []),
  ].flatMap(([option, value]) => ['-o', `${option}=${value?.includes(' ') ? `"${value}"` : value}`]);
  context.verbose(`direct to ${user}@${host}:${port}, host key of ${alias} checked against ${knownHosts}`);
  return { workspace, host, port, user, options };
}

function defaultIdentities(context: CommandContext): string[] {
  const { HOME } = context.io.env;
  if (!HOME) return [];
  return ['id_ed25519', 'id_ecdsa', 'id_rsa'].map(name => join(HOME, '.ssh', name)).filter(existsSync);
}

/** A file of its own for each workspace, so that no two processes write one, and nobody's own file is touched. */
function writeKnownHosts(home: string, alias: string, hostKeys: string[]): string {
  const dir = join(home, 'ssh', 'known_hosts.d');
  mkdirSync(dir, { recursive: true, mode: 0o700 });
  const file = join(dir, alias);
  const temporary = `${file}.${process.pid}`;
  writeFileSync(temporary, hostKeys.map(key => `${alias} ${key}\n`).join(''), { mode: 0o600 });
  renameSync(temporary, file);
  return file;
}
