import type { CommandContext, Flags } from '../command.ts';
import { CliError, EXIT, usageError } from '../errors.ts';
import { changeNodes, nodeNames } from './change.ts';

export interface LabelFlags extends Flags {
  overwrite: boolean;
}

export const LABEL_OPTIONS = {
  overwrite: {
    type: 'boolean',
    default: false,
    describe: 'label, taint: also change what is there with another value',
  },
} as const;

const USAGE = 'nexus node label NAME KEY=VALUE, or KEY- to take it off';
const KEY = /^([a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?\/)?[A-Za-z0-9]([A-Za-z0-9._-]{0,61}[A-Za-z0-9])?$/;
const VALUE = /^([A-Za-z0-9]([A-Za-z0-9._-]{0,61}[A-Za-z0-9])?)?$/;

/** `nexus node label`: as `kubectl label`. */
export async function labelNodes(
  args: string[],
  flags: LabelFlags,
  context: CommandContext,
): Promise<number> {
  const names = nodeNames(
    args.filter(arg => !isChange(arg)),
    USAGE,
  );
  const changes = parseLabels(args.filter(isChange));
  if (Object.keys(changes).length === 0) throw usageError('which labels?', USAGE);
  await changeNodes(
    names,
    ({ metadata }) => {
      const before = metadata.labels ?? {};
      const clash = Object.entries(changes).find(
        ([key, value]) => value !== null && before[key] !== undefined && before[key] !== value,
      );
      if (clash && !flags.overwrite)
        throw new CliError(`node ${metadata.name} has label ${clash[0]}=${before[clash[0]]} already`, {
          exitCode: EXIT.conflict,
          next: '--overwrite changes it',
        });
      const isSo = Object.entries(changes).every(([key, value]) => (before[key] ?? null) === value);
      return isSo
        ? { said: 'is labelled so already' }
        : { patch: { metadata: { labels: changes } }, said: 'labelled' };
    },
    context,
  );
  return EXIT.done;
}

const isChange = (arg: string) => arg.includes('=') || arg.endsWith('-');

/** `KEY=VALUE` sets, `KEY-` takes off (null). Throws CliError. */
export function parseLabels(texts: string[]): Record<string, string | null> {
  return Object.fromEntries(
    texts.map(text => {
      const [, key = '', value] = /^([^=]*?)(?:=(.*)|-)$/s.exec(text) ?? [];
      if (!KEY.test(key) || (value !== undefined && !VALUE.test(value)))
        throw usageError(`"${text}" is no label`, USAGE);
      return [key, value ?? null];
    }),
  );
}
