import type { Command, LoadCommand } from '../command.ts';
import { EXIT } from '../errors.ts';

const VERBS: Record<string, LoadCommand> = {
  detect: async () => (await import('../editor/detect.ts')).detect,
};

export const editor: Command = {
  usage: 'editor',
  describe: 'Editors of this machine: detect',
  verbs: VERBS,
  build: yargs => yargs,
  run: async () => EXIT.usage,
};
