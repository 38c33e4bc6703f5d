import type { Command, Flags } from '../command.ts';
import { EXIT, usageError } from '../errors.ts';
import { alignColumns } from '../output/columns.ts';
import { EDITORS } from './editors.ts';
import { chooseEditor, findEditors } from './find-editors.ts';

export const detect: Command = {
  usage: 'detect',
  describe: 'Which editors are on this machine, and which one `nexus workspace connect` opens',
  examples: [
    ['nexus editor detect', ''],
    ['nexus config set editor.preferred zed', 'chooses one for good'],
  ],
  build: yargs => yargs.option('output', { alias: 'o', type: 'string', describe: 'table or json' }),
  async run(raw, context) {
    const { output } = raw as Flags & { output?: string };
    if (output !== undefined && output !== 'table' && output !== 'json')
      throw usageError(`unknown output format "${output}"`, 'one of table, json');
    const { env } = context.io;
    const chosen = chooseEditor(undefined, { env, home: context.home });
    const found = findEditors(env).map(({ editor, program }) => ({
      id: editor.id,
      title: editor.title,
      program: program ?? `${editor.application} (its links)`,
      isChosen: editor.id === chosen?.editor.id,
    }));
    if (output === 'json') {
      context.print(JSON.stringify({ editors: found, chosen: chosen?.editor.id, by: chosen?.by }, null, 2));
      return EXIT.done;
    }
    const rows = found.map(one => [one.isChosen ? '*' : '', one.id, one.title, one.program]);
    if (rows.length > 0) {
      for (const line of alignColumns([['CHOSEN', 'NAME', 'EDITOR', 'PROGRAM'], ...rows]))
        context.print(line);
    } else context.note(`no editor was found; looked for ${EDITORS.map(({ title }) => title).join(', ')}`);
    if (chosen?.by) context.note(`${chosen.editor.title} is chosen by ${chosen.by}`);
    else if (rows.length > 1) context.note('next: nexus config set editor.preferred NAME chooses another');
    return EXIT.done;
  },
};
