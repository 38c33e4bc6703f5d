import type { Argv } from 'yargs';
import { ALIASES } from './commands.ts';

/** What yargs was told so far; its types do not show it. */
export interface YargsOptions {
  array: string[];
  boolean: string[];
  string: string[];
  number: string[];
  key: Record<string, unknown>;
  alias: Record<string, string[]>;
  choices: Record<string, readonly string[]>;
}

export const optionsOf = (y: Argv): YargsOptions =>
  (y as unknown as { getOptions(): YargsOptions }).getOptions();

/** Before the command, these take the next word as their value. */
export const GLOBALS_WITH_VALUE = ['-n', '--namespace', '--context', '--kubeconfig'];

/** The options that every command takes. */
export function addGlobals(y: Argv): void {
  y.options({
    kubeconfig: {
      type: 'string',
      describe: 'File with servers and credentials (NEXUS_KUBECONFIG)',
      global: true,
    },
    context: { type: 'string', describe: 'Context of that file (NEXUS_CONTEXT)', global: true },
    namespace: { alias: 'n', type: 'string', describe: 'Namespace to work in', global: true },
    verbose: {
      alias: 'v',
      type: 'boolean',
      default: false,
      describe: 'Say what is decided on the way',
      global: true,
    },
  });
}

/** A command by its full name: `ws` is `workspace`. */
export function fullName(name: string | undefined): string | undefined {
  return name !== undefined && Object.hasOwn(ALIASES, name) ? ALIASES[name] : name;
}
