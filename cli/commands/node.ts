import type { Command, CommandContext, Flags } from '../command.ts';
import { nodeToken, type TokenFlags } from '../node/token.ts';

type Action = (args: string[], flags: Flags, context: CommandContext) => Promise<number>;

const ACTIONS: Record<string, Action> = {
  token: (args, flags, context) => nodeToken(args, flags as TokenFlags, context),
};

export const node: Command = {
  usage: 'node <action> [args..]',
  describe: 'Machines that run workspaces: token create|list|delete',
  examples: [
    ['nexus node token create', 'prints what to type on a machine that is to become a node'],
    [
      'nexus node token create --node build-1 --ttl 10m',
      'for a node of that name alone, also one that is there',
    ],
    ['nexus node token list', 'those that were not used yet'],
  ],
  build: yargs =>
    yargs
      .positional('action', {
        type: 'string',
        choices: Object.keys(ACTIONS),
        demandOption: true,
        describe: 'What to do',
      })
      .positional('args', { type: 'string', array: true, default: [], describe: 'With what' })
      .option('node', { type: 'string', describe: 'token create: for a node of this name alone' })
      .option('ttl', { type: 'string', default: '1h', describe: 'token create: how long it can be used' }),
  async run(raw, context) {
    const flags = raw as Flags & { action: string; args: string[] };
    return (ACTIONS[flags.action] as Action)(flags.args, flags, context);
  },
};
