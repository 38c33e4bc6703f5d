import { GUEST_LOG_DIR } from '../../agent/guest/guest.ts';
import type { Command, Flags } from '../command.ts';
import { CliError, EXIT, usageError } from '../errors.ts';
import { runProgram, shellQuote, sshArgs } from '../ssh/run.ts';
import { sshTarget } from '../ssh/target.ts';

interface LogsFlags extends Flags {
  name: string;
  service?: string;
  hook?: string;
  clone: boolean;
  follow: boolean;
  tail: number;
}

export const logs: Command = {
  usage: 'logs <name> [service]',
  describe: 'What services, hooks or the clone wrote',
  examples: [
    ['nexus logs shop', 'of all services, each line with its name'],
    ['nexus logs shop web -f', 'of one, and go on'],
    ['nexus logs shop --hook preStart', 'of a lifecycle hook'],
  ],
  build: yargs =>
    yargs
      .positional('name', { type: 'string', demandOption: true, describe: 'Workspace' })
      .positional('service', { type: 'string', describe: 'Service; none: all' })
      .option('service', { alias: 's', type: 'string', describe: 'The same' })
      .option('hook', {
        type: 'string',
        choices: ['preStart', 'postStart', 'preStop'],
        describe: 'Of a lifecycle hook',
      })
      .option('clone', { type: 'boolean', default: false, describe: 'Of the clone' })
      .option('follow', {
        alias: 'f',
        type: 'boolean',
        default: false,
        describe: 'Go on, over rotation and restarts',
      })
      .option('tail', { type: 'number', default: 200, describe: 'Lines of the past; -1: all that is kept' }),
  async run(raw, context) {
    const flags = raw as LogsFlags;
    if (!Number.isInteger(flags.tail) || flags.tail < -1)
      throw usageError(`--tail takes a number of lines, not ${flags.tail}`);
    const target = await sshTarget(flags.name, context);
    const declared = target.workspace.spec.services?.map(service => service.name) ?? [];
    if (flags.service && !declared.includes(flags.service))
      throw new CliError(`workspace ${flags.name} has no service "${flags.service}"`, {
        exitCode: EXIT.notFound,
        next: declared.length > 0 ? `it has: ${declared.join(', ')}` : 'it declares none',
      });
    const names = flags.clone
      ? ['clone']
      : flags.hook
        ? [`hook-${flags.hook}`]
        : flags.service
          ? [flags.service]
          : declared;
    if (names.length === 0)
      throw new CliError(`workspace ${flags.name} declares no services`, {
        next: '--clone and --hook show other logs',
      });
    const scripts = names.map(name => readScript(name, flags));
    const line = scripts.length === 1 ? (scripts[0] as string) : merged(names, scripts);
    return runProgram('ssh', [...sshArgs(target, ['-T']), line], context);
  },
};

/** A shell line that prints what is kept of one log, oldest first, and goes on when asked to. */
function readScript(name: string, { tail, follow }: LogsFlags): string {
  const file = shellQuote(`${GUEST_LOG_DIR}/${name}.log`);
  const past = `cat ${file}.1 ${file} 2>/dev/null`;
  const shown = tail === -1 ? past : `{ ${past}; } | tail -n ${tail}`;
  return follow ? `${shown}; exec tail -n 0 -F ${file} 2>/dev/null` : shown;
}

/** Several logs side by side, each line with the name it is of. */
function merged(names: string[], scripts: string[]): string {
  const width = Math.max(...names.map(name => name.length));
  const parts = names.map(
    (name, i) =>
      `{ ${scripts[i]?.replace('exec tail', 'tail')}; } | sed -u ${shellQuote(`s/^/${name.padEnd(width)} | /`)} &`,
  );
  return `trap 'kill 0' TERM HUP; ${parts.join(' ')} wait`;
}
