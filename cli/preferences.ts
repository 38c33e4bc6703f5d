import { chmodSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { CliError } from './errors.ts';

/** `$NEXUS_HOME/config.json`: what a person prefers; unknown keys are kept. Servers and credentials are in the kubeconfig. */
export interface Preferences {
  version: number;
  namespace?: string;
  github?: { username?: string; host?: string; clientId?: string };
  editor?: { preferred?: string; autoLaunch?: boolean };
  ssh?: { keyPath?: string };
  [other: string]: unknown;
}

/** Keys that `nexus config set` takes, with what they mean. */
export const PREFERENCE_KEYS: Record<string, string> = {
  namespace: 'Namespace to work in when neither -n nor the context names one',
  'github.host': 'Host of GitHub: github.com, or one of GitHub Enterprise',
  'github.username': 'Who is logged in there',
  'github.clientId': 'OAuth app for the login on GitHub without gh',
  'editor.preferred': 'Editor that `connect` opens',
  'editor.autoLaunch': 'Whether it is opened without being asked (true, false)',
  'ssh.keyPath': 'Private key to offer first',
};

/** Opens the file with lowdb, which writes it whole or not at all. */
export async function openPreferences(home: string): Promise<{ data: Preferences; write(): Promise<void> }> {
  const { JSONFilePreset } = await import('lowdb/node');
  const file = join(home, 'config.json');
  mkdirSync(home, { recursive: true, mode: 0o700 });
  try {
    const db = await JSONFilePreset<Preferences>(file, { version: 1 });
    return {
      data: db.data,
      async write() {
        await db.write();
        chmodSync(file, 0o600);
      },
    };
  } catch (cause) {
    throw new CliError(`${file} cannot be read: ${(cause as Error).message}`, {
      next: 'mend it, or remove it to start with none',
      cause,
    });
  }
}

/** A nested value by its dotted key. */
export function getPreference(data: Preferences, key: string): unknown {
  return key
    .split('.')
    .reduce<unknown>((value, part) => (value as Record<string, unknown> | undefined)?.[part], data);
}

/** Sets a value by its dotted key; undefined removes it. Values `true` and `false` become booleans. */
export function setPreference(data: Preferences, key: string, value: string | undefined): void {
  const parts = key.split('.');
  const last = parts.pop() as string;
  let at = data as Record<string, unknown>;
  for (const part of parts) {
    at[part] ??= {};
    at = at[part] as Record<string, unknown>;
  }
  if (value === undefined) delete at[last];
  else at[last] = value === 'true' ? true : value === 'false' ? false : value;
}
