import { WORKSPACE } from '../../crds/kinds.ts';
import type { Command } from '../command.ts';
import { get } from '../commands/get.ts';
import { GET_OPTIONS } from '../commands/get-flags.ts';

/** `get workspaces`. */
export const list: Command = {
  usage: 'list [names..]',
  describe: 'Show workspaces',
  examples: [
    ['nexus workspace list', 'those of the namespace'],
    ['nexus workspace list -A -o wide', 'those of all namespaces, with image and commit'],
  ],
  build: yargs =>
    yargs
      .positional('names', { type: 'string', array: true, default: [], describe: 'Names; none: all' })
      .options(GET_OPTIONS),
  run: (flags, context) => get.run({ ...flags, resource: WORKSPACE.plural }, context),
};
