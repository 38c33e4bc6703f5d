import type { Command, CommandContext, Flags } from '../command.ts';
import { type AddFlags, addNode } from '../node/add.ts';
import { nodeToken, type TokenFlags } from '../node/token.ts';
import { type UpgradeFlags, upgradeNodes } from '../node/upgrade.ts';

type Action = (args: string[], flags: Flags, context: CommandContext) => Promise<number>;

const ACTIONS: Record<string, Action> = {
  add: (args, flags, context) => addNode(args, flags as AddFlags, context),
  upgrade: (args, flags, context) => upgradeNodes(args, flags as UpgradeFlags, context),
  token: (args, flags, context) => nodeToken(args, flags as TokenFlags, context),
};

const ADD_OPTIONS = {
  'node-name': { type: 'string', describe: "add: name of the node; the machine's own when nobody says" },
  drivers: {
    type: 'string',
    array: true,
    describe: 'add: what runs workspaces there; what fits when nobody says',
  },
  label: { alias: 'l', type: 'string', array: true, describe: 'add: KEY=VALUE, for selectors of workspaces' },
  address: {
    type: 'string',
    describe:
      'add: host name or address at which people reach the machine; without one they go by the gateway',
  },
  gateway: { type: 'string', describe: 'add: HOST:PORT of the gateway as the machine reaches it' },
  'dry-run': {
    type: 'boolean',
    default: false,
    describe: 'add: check the machine and say what would be done',
  },
} as const;

const UPGRADE_OPTIONS = {
  all: { type: 'boolean', default: false, describe: 'upgrade: every node whose machine was added' },
  ssh: { type: 'string', describe: 'upgrade: user@host of the one node, where it is another than it was' },
} as const;

const REMOTE_OPTIONS = {
  identity: { alias: 'i', type: 'string', describe: 'add, upgrade: private key for ssh' },
  port: { alias: 'p', type: 'number', describe: 'add, upgrade: port of ssh' },
  'ssh-config': {
    alias: 'F',
    type: 'string',
    describe: "add, upgrade: ssh's configuration, in place of your own",
  },
  program: {
    type: 'string',
    describe: 'add, upgrade: nexus-linux-… of a release; this program when nobody says',
  },
  timeout: { type: 'string', default: '2m', describe: 'add, upgrade: how long a node may take to be Ready' },
} as const;

export const node: Command = {
  usage: 'node <action> [args..]',
  describe: 'Machines that run workspaces: add, upgrade, token create|list|delete',
  examples: [
    ['nexus node add root@10.0.0.5 --label zone=eu', 'makes a machine a node, over your own ssh'],
    ['nexus node upgrade --all', 'this program on every node, one after the other'],
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
      .option('ttl', { type: 'string', default: '1h', describe: 'token create: how long it can be used' })
      .options(ADD_OPTIONS)
      .options(UPGRADE_OPTIONS)
      .options(REMOTE_OPTIONS),
  async run(raw, context) {
    const flags = raw as Flags & { action: string; args: string[] };
    return (ACTIONS[flags.action] as Action)(flags.args, flags, context);
  },
};
