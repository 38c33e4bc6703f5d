import type { Command, Flags } from '../command.ts';
import { CliError, EXIT, usageError } from '../errors.ts';
import { followLogs } from '../logs/follow.ts';
import { pastScript } from '../logs/script.ts';
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
        describe: 'Go on, over restarts too, until the workspace is stopped or deleted',
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
    if (flags.follow) return followLogs(target, { names, tail: flags.tail, via: flags.via }, context);
    return runTowards(target, ['ssh', ...sshArgs(target, ['-T']), pastScript(names, flags.tail)], context);
  },
};
