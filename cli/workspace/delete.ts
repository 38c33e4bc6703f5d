import { WORKSPACE } from '../../crds/kinds.ts';
import type { Command, Flags } from '../command.ts';
import { DELETE_OPTIONS, remove as deleteObjects } from '../commands/delete.ts';
import { workspaceName } from './find.ts';

/** Files may declare more than workspaces: those are for `nexus delete -f`. */
const { filename: _, ...OPTIONS } = DELETE_OPTIONS;

/** `delete workspaces`. */
export const remove: Command = {
  usage: 'delete [names..]',
  describe: 'Delete workspaces, with their containers and, unless retainVolume, their volumes',
  examples: [['nexus workspace delete shop', 'and wait until nothing of it is left']],
  build: yargs =>
    yargs
      .positional('names', { type: 'string', array: true, default: [], describe: 'Names' })
      .options(OPTIONS),
  run: (flags, context) => {
    const { names } = flags as Flags & { names: string[] };
    return deleteObjects.run(
      { ...flags, resource: WORKSPACE.plural, names: names.map(workspaceName) },
      context,
    );
  },
};
