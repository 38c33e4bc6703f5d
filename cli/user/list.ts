import { USER } from '../../crds/kinds.ts';
import type { Command } from '../command.ts';
import { get } from '../commands/get.ts';
import { GET_OPTIONS, type GetFlags } from '../commands/get-flags.ts';

export const list: Command = {
  usage: 'list',
  aliases: ['ls'],
  describe: 'The users, their roles and keys',
  build: yargs => yargs.options(GET_OPTIONS),
  run: (flags, context) => get.run({ ...(flags as GetFlags), resource: USER.plural, names: [] }, context),
};
