import { spawn } from 'node:child_process';
import { shellWord } from '../../controller/kit/shell-quote.ts';
import type { CommandContext } from '../command.ts';
import { openUrl, startDetached } from '../open-url.ts';
import type { RemoteFolder } from './editors.ts';
import type { FoundEditor } from './find-editors.ts';

/** The command line that opens a folder, whether its program is here or not. */
export function editorCommand({ editor, program }: FoundEditor, folder: RemoteFolder): string {
  return [program ?? (editor.programs[0] as string), ...editor.args(folder)].map(shellWord).join(' ');
}

/** Whether a program could take over the terminal. */
export const isTerminal = ({ io }: CommandContext): boolean =>
  io.stdin.isTTY === true && io.stdout.isTTY === true;

/** Opens a folder in an editor: by its program, else by its link. Resolves with whether that worked. */
export async function openEditor(
  { editor, program }: FoundEditor,
  folder: RemoteFolder,
  context: CommandContext,
): Promise<boolean> {
  const { io, clock } = context;
  const args = editor.args(folder);
  if (program) {
    context.verbose([program, ...args].map(shellWord).join(' '));
    if (editor.inTerminal) return isTerminal(context) && runInTerminal(program, args, context);
    if (await startDetached(program, args, { env: io.env, clock })) return true;
  }
  return editor.link !== undefined && (await openUrl(editor.link(folder), context));
}

/** With this terminal, until the person leaves it. */
function runInTerminal(program: string, args: string[], { io }: CommandContext): Promise<boolean> {
  return new Promise(resolve => {
    const child = spawn(program, args, { stdio: 'inherit', env: io.env as NodeJS.ProcessEnv });
    child.once('error', () => resolve(false));
    child.once('exit', code => resolve(code === 0));
  });
}
