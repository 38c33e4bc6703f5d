import { shellWord } from '../../controller/kit/shell-quote.ts';
import type { Command, Flags } from '../command.ts';
import { EXIT } from '../errors.ts';
import { runTowards, sshArgs } from '../ssh/run.ts';
import { sshTarget } from '../ssh/target.ts';
import { type Via, viaOption } from '../ssh/way.ts';

export const ssh: Command = {
  usage: 'ssh <name> [command..]',
  describe: 'Open a shell in a workspace, or run a command line there',
  examples: [
    ['nexus ssh shop', 'a shell'],
    ['nexus ssh shop -- -L 8080:localhost:3000', 'options of ssh itself after --'],
    ['nexus ssh shop --print', 'the plain ssh command'],
    ['nexus ssh shop -v', 'tell which way is taken'],
    ['nexus ssh setup', 'a key, on GitHub and at the server, and one line in ~/.ssh/config'],
  ],
  verbs: { setup: async () => (await import('../ssh/setup.ts')).setup },
  build: yargs =>
    viaOption(yargs)
      .positional('name', { type: 'string', demandOption: true, describe: 'Workspace' })
      .positional('command', { type: 'string', array: true, default: [], describe: 'Run by its shell' })
      .option('print', {
        type: 'boolean',
        default: false,
        describe: 'Print the ssh command instead of running it',
      }),
  async run(raw, context) {
    const flags = raw as Flags & { name: string; command: string[]; print: boolean; via: Via };
    const target = await sshTarget(flags.name, context, flags);
    const rest = flags['--'] ?? [];
    // Options of ssh come before the destination, a command after it.
    const args = rest[0]?.startsWith('-')
      ? [...sshArgs(target, rest), ...flags.command]
      : [...sshArgs(target), ...flags.command, ...rest];
    if (!flags.print) return runTowards(target, ['ssh', ...args], context);
    context.print(['ssh', ...args].map(shellWord).join(' '));
    return EXIT.done;
  },
};
