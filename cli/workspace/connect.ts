import { shellWord } from '../../controller/kit/shell-quote.ts';
import type { Workspace } from '../../crds/types.generated.ts';
import type { Command, CommandContext, Flags } from '../command.ts';
import { EDITORS, type RemoteFolder } from '../editor/editors.ts';
import { type ChosenEditor, chooseEditor } from '../editor/find-editors.ts';
import { editorCommand, isTerminal, openEditor } from '../editor/open-editor.ts';
import { EXIT } from '../errors.ts';
import { readPreferences } from '../read-preferences.ts';
import { ensureAlias } from '../ssh/config/ensure-alias.ts';
import { isOnThisMachine } from '../ssh/here.ts';
import { targetOf } from '../ssh/target.ts';
import { tryLogin } from '../ssh/try-login.ts';
import { type Connection, connectionJson, connectionLines } from './connection.ts';
import { findWorkspace } from './find.ts';
import { renewLogin } from './renew-login.ts';
import { serviceRows } from './service-rows.ts';

interface ConnectFlags extends Flags {
  name: string;
  editor?: string;
  launch?: boolean;
  print: boolean;
  output?: 'json';
}

/** The repository, where there is one; else home. */
const FOLDER_LINE = 'cd ~/workspace 2>/dev/null || cd; pwd';

export const connect: Command = {
  usage: 'connect <name>',
  describe: 'Open a workspace in your editor, over SSH',
  examples: [
    ['nexus workspace connect shop', 'in the editor of `nexus editor detect`'],
    ['nexus workspace connect shop --editor zed', 'in another one'],
    ['nexus workspace connect shop --print', 'only tell its link, for scripts'],
  ],
  build: yargs =>
    yargs
      .positional('name', { type: 'string', demandOption: true, describe: 'Workspace' })
      .option('editor', {
        type: 'string',
        describe: `${EDITORS.map(({ id }) => id).join(', ')}, or the path of one's program (NEXUS_EDITOR)`,
      })
      .option('launch', {
        type: 'boolean',
        describe: 'Open it, or only tell how (--no-launch) [editor.autoLaunch, else true]',
      })
      .option('print', {
        type: 'boolean',
        default: false,
        describe: 'Print its link, or its command line where it takes no link; open nothing',
      })
      .option('output', {
        alias: 'o',
        type: 'string',
        choices: ['json'],
        describe: 'json: the whole summary; open nothing',
      }),
  async run(raw, context) {
    const flags = raw as ConnectFlags;
    const { io, home } = context;
    const editor = chooseEditor(flags.editor, { env: io.env, home });
    const workspace = await findWorkspace(flags.name, context);
    const [found] = await Promise.all([reach(workspace, context), renewLogin(workspace, context)]);
    const connection: Connection = { ...found, workspace, ...(editor && tellEditor(editor, found.folder)) };
    if (flags.print) context.print(connection.link ?? connection.command ?? connection.ssh);
    else if (flags.output) context.print(connectionJson(connection));
    else await show(connection, flags, editor, context);
    return EXIT.done;
  },
};

async function show(
  connection: Connection,
  { launch }: ConnectFlags,
  editor: ChosenEditor | undefined,
  context: CommandContext,
): Promise<void> {
  const isWanted = launch ?? readPreferences(context.home).editor?.autoLaunch ?? true;
  const open = async () =>
    isWanted && editor !== undefined && (await openEditor(editor, connection.folder, context));
  const tell = (isOpen: boolean) => {
    for (const line of connectionLines(connection, { isWanted, isOpen }, context)) context.print(line);
  };
  // One that takes the terminal comes after what is to be read.
  if (!editor?.editor.inTerminal || !isWanted || !isTerminal(context)) return tell(await open());
  tell(true);
  await open();
}

/** Throws CliError, with what to do, when editors would not get in. */
async function reach(
  workspace: Workspace,
  context: CommandContext,
): Promise<Pick<Connection, 'folder' | 'ssh' | 'rows'>> {
  const { published, way } = await targetOf(workspace, context);
  const { alias, args } = await ensureAlias(workspace, context);
  const { name } = workspace.metadata;
  const path = (await tryLogin(name, { args, line: FOLDER_LINE }, context)).trim();
  const port = way.kind === 'direct' ? published.port : 22;
  return {
    folder: { host: alias, user: published.user, port, path },
    ssh: ['ssh', ...args].map(shellWord).join(' '),
    rows: serviceRows(workspace, await isOnThisMachine(workspace, context)),
  };
}

function tellEditor(
  chosen: ChosenEditor,
  folder: RemoteFolder,
): Pick<Connection, 'editor' | 'link' | 'command'> {
  return {
    editor: chosen.editor,
    command: editorCommand(chosen, folder),
    ...(chosen.editor.link && { link: chosen.editor.link(folder) }),
  };
}
