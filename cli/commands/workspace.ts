import type { Command } from '../command.ts';
import { EXIT } from '../errors.ts';
import { WORKSPACE_VERBS } from '../workspace/verbs.ts';

export const workspace: Command = {
  usage: 'workspace',
  aliases: ['ws'],
  describe: `Your workspaces: ${Object.keys(WORKSPACE_VERBS).join(', ')}`,
  examples: [
    ['nexus workspace status shop --watch', 'how it is, and how that changes'],
    ['nexus ws services shop', 'what of it is up, and why the rest is not'],
  ],
  verbs: WORKSPACE_VERBS,
  build: yargs => yargs,
  run: async () => EXIT.usage,
};
