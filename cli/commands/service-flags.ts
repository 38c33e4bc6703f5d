import { AGENT_OPTIONS } from '../../agent/options.ts';
import { kebab, type OptionTable } from '../../controller/kit/options.ts';
import { SERVER_OPTIONS } from '../../controller/options.ts';
import type { Flags } from '../command.ts';
import { type QuickOption, readQuickFlags } from '../quick-flags.ts';

const TABLES: Record<string, OptionTable> = { agent: AGENT_OPTIONS, controller: SERVER_OPTIONS };

/** Reads a plain command line that runs the server or an agent, as readQuickFlags() does; `up` gives each such a one. */
export function readServiceFlags(argv: string[]): Flags | undefined {
  const [command = ''] = argv;
  const table = Object.hasOwn(TABLES, command) ? TABLES[command] : undefined;
  if (!table) return undefined;
  const read = readQuickFlags(argv, quickOptions(table));
  if (read?.words.length !== 0) return undefined;
  const { flags } = read;
  // Wrong use is told by yargs.
  const isWrong = Object.entries(table).some(
    ([name, { type, choices }]) =>
      type === 'string' && choices && flags[name] !== undefined && !choices.includes(String(flags[name])),
  );
  return isWrong ? undefined : flags;
}

/** Numbers and durations as they are typed: resolveOptions() reads both. */
function quickOptions(table: OptionTable): Record<string, QuickOption> {
  return Object.fromEntries(
    Object.entries(table).map(([name, { type, help }]) => [
      kebab(name),
      { type: type === 'boolean' ? 'boolean' : 'string', array: type === 'list', describe: help },
    ]),
  );
}
