import { GUEST_LOG_DIR } from '../../agent/guest/guest.ts';
import { shellWord } from '../../controller/kit/shell-quote.ts';
import type { Command, Flags } from '../command.ts';
import { CliError, EXIT, usageError } from '../errors.ts';
import { runTowards, sshArgs } from '../ssh/run.ts';
import { sshTarget } from '../ssh/target.ts';
import { type Via, viaOption } from '../ssh/way.ts';

interface LogsFlags extends Flags {
  name: string;
  service?: string;
  hook?: string;
  clone: boolean;
  follow: boolean;
  tail: number;
  via: Via;
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
    viaOption(yargs)
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
    const target = await sshTarget(flags.name, context, flags);
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
    return runTowards(target, ['ssh', ...sshArgs(target, ['-T']), logScript(names, flags)], context, {
      holdStdin: flags.follow,
    });
  },
};

/** A line for a POSIX shell that prints what is kept of logs, oldest first, and goes on when asked to. */
export function logScript(names: string[], flags: { tail: number; follow: boolean }): string {
  const width = Math.max(...names.map(name => name.length));
  const parts = names.map(name => {
    const script = flags.follow ? followed(name, flags.tail) : past(name, flags.tail);
    return names.length === 1
      ? script
      : `{ ${script}; } | sed -u ${shellWord(`s/^/${name.padEnd(width)} | /`)}`;
  });
  if (!flags.follow) return parts.length === 1 ? (parts[0] as string) : `${parts.join(' & ')} & wait`;
  // Nothing tells `tail` that nobody reads any more; the end of standard input does.
  return `${parts.map(part => `{ ${part}; } &`).join(' ')} cat >/dev/null; trap '' TERM; kill -TERM 0`;
}

const fileOf = (name: string) => shellWord(`${GUEST_LOG_DIR}/${name}.log`);

function past(name: string, tail: number): string {
  const all = `cat ${fileOf(name)}.1 ${fileOf(name)} 2>/dev/null`;
  return tail === -1 ? all : `{ ${all}; } | tail -n ${tail}`;
}

/** One reader from the past into the future, so that no line falls between two; over rotation by name (-F). */
function followed(name: string, tail: number): string {
  const file = fileOf(name);
  const go = (lines: string) => `exec tail -n ${lines} -F ${file} 2>/dev/null`;
  if (tail === -1) return `cat ${file}.1 2>/dev/null; ${go('+1')}`;
  return [
    `have=$(wc -l <${file} 2>/dev/null || echo 0)`,
    `[ "$have" -ge ${tail} ] || tail -n $((${tail} - have)) ${file}.1 2>/dev/null`,
    go(String(tail)),
  ].join('; ');
}
