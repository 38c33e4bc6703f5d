import type { Options } from 'yargs';
import type { CommandContext, Flags } from '../command.ts';
import { describe } from '../commands/describe.ts';
import type { GetFlags } from '../commands/get-flags.ts';
import { ADD_OPTIONS, type AddFlags, addNode, REMOTE_OPTIONS } from './add.ts';
import { nodeNames } from './change.ts';
import { cordonNodes, uncordonNodes } from './cordon.ts';
import { DRAIN_OPTIONS, type DrainFlags, drainNodes } from './drain.ts';
import { LABEL_OPTIONS, type LabelFlags, labelNodes } from './label.ts';
import { LIST_OPTIONS, listNodes } from './list.ts';
import { REMOVE_OPTIONS, type RemoveFlags, removeNodes } from './remove.ts';
import { taintNodes } from './taint.ts';
import { nodeToken, TOKEN_OPTIONS, type TokenFlags } from './token.ts';
import { UPGRADE_OPTIONS, type UpgradeFlags, upgradeNodes } from './upgrade.ts';

export interface NodeAction {
  run(args: string[], flags: Flags, context: CommandContext): Promise<number>;
  /** What may come first after it: names of nodes, or these words. */
  takes: 'nodes' | readonly string[];
}

/** `nexus node …`, in the order of the help. */
export const NODE_ACTIONS: Record<string, NodeAction> = {
  list: { run: (args, flags, context) => listNodes(args, flags as GetFlags, context), takes: [] },
  describe: {
    run: (args, flags, context) =>
      describe.run(
        { ...flags, resource: 'nodes', names: nodeNames(args, 'nexus node describe NAME') },
        context,
      ),
    takes: 'nodes',
  },
  label: { run: (args, flags, context) => labelNodes(args, flags as LabelFlags, context), takes: 'nodes' },
  taint: { run: (args, flags, context) => taintNodes(args, flags as LabelFlags, context), takes: 'nodes' },
  cordon: { run: cordonNodes, takes: 'nodes' },
  uncordon: { run: uncordonNodes, takes: 'nodes' },
  drain: { run: (args, flags, context) => drainNodes(args, flags as DrainFlags, context), takes: 'nodes' },
  add: { run: (args, flags, context) => addNode(args, flags as AddFlags, context), takes: [] },
  upgrade: {
    run: (args, flags, context) => upgradeNodes(args, flags as UpgradeFlags, context),
    takes: 'nodes',
  },
  remove: { run: (args, flags, context) => removeNodes(args, flags as RemoveFlags, context), takes: 'nodes' },
  token: {
    run: (args, flags, context) => nodeToken(args, flags as TokenFlags, context),
    takes: ['create', 'list', 'delete'],
  },
};

export const NODE_OPTIONS: Record<string, Options> = {
  ...LIST_OPTIONS,
  ...LABEL_OPTIONS,
  ...DRAIN_OPTIONS,
  ...ADD_OPTIONS,
  ...UPGRADE_OPTIONS,
  ...REMOTE_OPTIONS,
  ...REMOVE_OPTIONS,
  ...TOKEN_OPTIONS,
  timeout: { type: 'string', describe: 'drain [10m], add, upgrade [2m], remove [1m]: how long to wait' },
};
