import type { Command, Flags } from '../command.ts';
import { NODE_ACTIONS, NODE_OPTIONS, type NodeAction } from '../node/actions.ts';

export const node: Command = {
  usage: 'node <action> [args..]',
  describe: `Machines that run workspaces: ${Object.keys(NODE_ACTIONS).join(', ')}`,
  examples: [
    ['nexus node list', 'with what is set aside of what they have'],
    ['nexus node label n1 zone=eu', 'for selectors of workspaces; `zone-` takes it off'],
    ['nexus node taint n1 gpu=yes:NoSchedule', 'keeps off what does not tolerate it; `gpu-` takes it off'],
    ['nexus node drain n1', 'moves or stops its workspaces one by one; `uncordon` takes it back'],
    ['nexus node add root@10.0.0.5 --label zone=eu', 'makes a machine a node, over your own ssh'],
    ['nexus node upgrade --all', 'this program on every node, one after the other'],
    ['nexus node remove n1', 'shuts its agent out and forgets it'],
    ['nexus node token create', 'prints what to type on a machine that is to become a node'],
  ],
  build: yargs =>
    yargs
      .positional('action', {
        type: 'string',
        choices: Object.keys(NODE_ACTIONS),
        demandOption: true,
        describe: 'What to do',
      })
      .positional('args', { type: 'string', array: true, default: [], describe: 'With what' })
      .options(NODE_OPTIONS),
  async run(raw, context) {
    const flags = raw as Flags & { action: string; args: string[] };
    return (NODE_ACTIONS[flags.action] as NodeAction).run(flags.args, flags, context);
  },
};
