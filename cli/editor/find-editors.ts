import { accessSync, constants, existsSync, statSync } from 'node:fs';
import { basename, delimiter, isAbsolute, join } from 'node:path';
import type { Io } from '../command.ts';
import { CliError, EXIT, usageError } from '../errors.ts';
import { readPreferences } from '../read-preferences.ts';
import { EDITORS, type Editor } from './editors.ts';

/** An editor as it is on this machine. */
export interface FoundEditor {
  editor: Editor;
  /** Its program; absent: only its links may work. */
  program?: string;
  /** Whether its application was seen, without its program. */
  hasApplication?: boolean;
}

export interface ChosenEditor extends FoundEditor {
  /** Who named it; absent: the first that was found. */
  by?: '--editor' | 'NEXUS_EDITOR' | 'editor.preferred';
}

interface Place {
  env: Io['env'];
  home: string;
}

/** Those of this machine, in the order in which they are looked for. */
export function findEditors(env: Io['env']): FoundEditor[] {
  return EDITORS.map(editor => look(editor, env)).filter(found => found.program ?? found.hasApplication);
}

function look(editor: Editor, env: Io['env']): FoundEditor {
  for (const name of editor.programs) {
    const program = onPath(name, env);
    if (program) return { editor, program };
  }
  return { editor, hasApplication: process.platform === 'darwin' && hasApplication(editor, env) };
}

function hasApplication({ application }: Editor, env: Io['env']): boolean {
  const folders = ['/Applications', ...(env.HOME ? [join(env.HOME, 'Applications')] : [])];
  return application !== undefined && folders.some(folder => existsSync(join(folder, `${application}.app`)));
}

function onPath(name: string, env: Io['env']): string | undefined {
  const folders = (env.PATH ?? '').split(delimiter).filter(Boolean);
  return folders.map(folder => join(folder, name)).find(isProgram);
}

function isProgram(file: string): boolean {
  try {
    accessSync(file, constants.X_OK);
    return statSync(file).isFile();
  } catch {
    return false;
  }
}

/**
 * The editor to open: as `--editor` says, else NEXUS_EDITOR, else `editor.preferred`, else the first of this machine.
 * Undefined: there is none. Throws CliError for a name that is none.
 */
export function chooseEditor(flag: string | undefined, { env, home }: Place): ChosenEditor | undefined {
  const wishes = [
    ['--editor', flag],
    ['NEXUS_EDITOR', env.NEXUS_EDITOR],
    ['editor.preferred', readPreferences(home).editor?.preferred],
  ] as const;
  const [by, wish] = wishes.find(([, name]) => name) ?? [];
  if (by && wish) return { ...named(wish, by, env), by };
  return findEditors(env)[0];
}

/** By name, by another name, or by the path of its program. */
function named(wish: string, by: string, env: Io['env']): FoundEditor {
  const name = basename(wish).toLowerCase();
  const editor = EDITORS.find(
    one => one.id === name || one.aliases.includes(name) || one.programs.includes(name),
  );
  if (!editor)
    throw usageError(
      `${by} names an editor that is not known: "${wish}"`,
      `one of ${EDITORS.map(({ id }) => id).join(', ')}, or the path of one's program`,
    );
  if (!isAbsolute(wish)) return look(editor, env);
  if (isProgram(wish)) return { editor, program: wish };
  throw new CliError(`${by} names ${wish}, which is no program`, {
    exitCode: EXIT.notFound,
    next: 'nexus editor detect',
  });
}
