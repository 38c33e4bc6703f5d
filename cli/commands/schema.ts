import { CONFIG_SCHEMA } from '../../controller/repo-config/config-schema.ts';
import type { Command } from '../command.ts';
import { EXIT } from '../errors.ts';

export const schema: Command = {
  usage: 'schema <what>',
  describe: 'Print the JSON Schema of a file that Nexus reads, for editors: config',
  examples: [
    ['nexus schema config > .nexus/schema.json', 'for "# yaml-language-server: $schema=schema.json"'],
  ],
  build: yargs =>
    yargs.positional('what', {
      type: 'string',
      choices: ['config'],
      demandOption: true,
      describe: 'Which file',
    }),
  async run(_flags, context) {
    context.print(JSON.stringify(CONFIG_SCHEMA, null, 2));
    return EXIT.done;
  },
};
