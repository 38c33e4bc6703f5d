import type { CommandContext } from '../command.ts';
import { EXIT } from '../errors.ts';
import { changeNodes, nodeNames } from './change.ts';

/** `nexus node cordon`: new workspaces are kept off; those that are there stay. */
export async function cordonNodes(args: string[], _flags: object, context: CommandContext): Promise<number> {
  await changeNodes(
    nodeNames(args, 'nexus node cordon NAME'),
    ({ spec }) =>
      spec?.unschedulable
        ? { said: 'is cordoned already' }
        : { patch: { spec: { unschedulable: true } }, said: 'cordoned' },
    context,
  );
  return EXIT.done;
}

/** `nexus node uncordon`: takes new workspaces again, and what a drain stopped goes on. */
export async function uncordonNodes(
  args: string[],
  _flags: object,
  context: CommandContext,
): Promise<number> {
  await changeNodes(
    nodeNames(args, 'nexus node uncordon NAME'),
    ({ spec }) =>
      spec?.unschedulable || spec?.drain
        ? { patch: { spec: { unschedulable: false, drain: null } }, said: 'uncordoned' }
        : { said: 'is uncordoned already' },
    context,
  );
  return EXIT.done;
}
