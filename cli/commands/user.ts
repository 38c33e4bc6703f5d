import type { Command } from '../command.ts';
import { EXIT } from '../errors.ts';

export const user: Command = {
  usage: 'user',
  describe: 'People who may use the server: list, add, remove, keys',
  examples: [
    ['nexus user add ada --github ada-l --key ada.pub', 'with a namespace of the same name'],
    ['nexus user keys', 'your own'],
    ['nexus user keys ada --remove laptop', 'out of every workspace within seconds, with its open sessions'],
  ],
  verbs: {
    list: async () => (await import('../user/list.ts')).list,
    add: async () => (await import('../user/add.ts')).add,
    remove: async () => (await import('../user/remove.ts')).remove,
    keys: async () => (await import('../user/keys.ts')).keys,
  },
  build: yargs => yargs,
  run: async () => EXIT.usage,
};
