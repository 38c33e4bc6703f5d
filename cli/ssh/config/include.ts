import { mkdir, readFile, readlink, realpath, rm, rmdir, stat } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { writeFileWhole } from '../../../controller/kit/write-file.ts';
import { CliError } from '../../errors.ts';
import { includePattern } from './quote.ts';

/** Begins the line above ours, and tells whose it is. */
const MARK = '# `nexus ssh-config` added the line below; `nexus ssh-config remove` takes both away';
/** What we made to have a place for them, to be taken away as well. */
const MADE = { nothing: '.', file: ', and this file.', folder: ', this file and its folder.' } as const;

type Made = keyof typeof MADE;
/** Others write the same file now and then, not all the time. */
const ATTEMPTS = 5;

export type Installed = 'added' | 'made' | 'unchanged';
export type Removed = 'removed' | 'file removed' | 'absent';

/** A file's bytes as text, a character a byte: whatever is in it comes out as it was. */
type Bytes = string;

/**
 * A text with our two lines at its top, where Include holds for every host; unchanged when they are there with no host
 * above them. `made`: what was not there before.
 */
export function withInclude(text: Bytes, file: string, made: Made = 'nothing'): Bytes {
  const found = findOurs(text, file);
  if (found && !/^\s*(host|match)\b/im.test(text.slice(0, found.start))) return text;
  const rest = found ? text.slice(0, found.start) + text.slice(found.end) : text;
  const eol = /^[^\n]*\r\n/.test(rest) ? '\r\n' : '\n';
  return `${MARK}${MADE[found?.made ?? made]}${eol}${includeLine(file)}${eol}${rest}`;
}

/** The text without our two lines, wherever they are now; what we had made for them. */
export function withoutInclude(text: Bytes, file: string): { text: Bytes; made?: Made } {
  const found = findOurs(text, file);
  if (!found) return { text };
  return { text: text.slice(0, found.start) + text.slice(found.end), made: found.made };
}

const includeLine = (file: string): Bytes =>
  `Include ${Buffer.from(includePattern(file)).toString('latin1')}`;

function findOurs(text: Bytes, file: string): { start: number; end: number; made: Made } | undefined {
  for (const made of Object.keys(MADE) as Made[]) {
    for (const eol of ['\n', '\r\n']) {
      const mark = `${MARK}${MADE[made]}${eol}${includeLine(file)}`;
      const start = text.startsWith(mark) ? 0 : text.indexOf(`\n${mark}`) + 1;
      if (!text.startsWith(mark, start)) continue;
      // Its last line's end may have been cut by an editor.
      const after = start + mark.length;
      const end = text.startsWith(eol, after) ? after + eol.length : after;
      if (end === after && after < text.length) continue;
      return { start, end, made };
    }
  }
  return undefined;
}

/** Puts the Include of `file` into a person's configuration, made (0600, its folder 0700) where there is none. */
export function installInclude(config: string, file: string): Promise<Installed> {
  return settle(config, file, async before => {
    const made: Made = before ? 'nothing' : (await isFolder(dirname(config))) ? 'file' : 'folder';
    const text = withInclude(before?.text ?? '', file, made);
    if (text === before?.text) return 'unchanged';
    if (made === 'folder') await mkdir(dirname(config), { recursive: true, mode: 0o700 });
    return (await replace(config, { before, text, file })) && (before ? 'added' : 'made');
  });
}

/** Takes it out again: what is left is what was there before, byte for byte. */
export function removeInclude(config: string, file: string): Promise<Removed> {
  return settle(config, file, async before => {
    if (!before) return 'absent';
    const { text, made } = withoutInclude(before.text, file);
    if (made === undefined) return 'absent';
    if (text !== '' || made === 'nothing')
      return (await replace(config, { before, text, file })) && 'removed';
    await rm(before.target);
    // Only if nobody has put anything else into it.
    if (made === 'folder') await rmdir(dirname(before.target)).catch(() => {});
    return 'file removed';
  });
}

/** Again from the start when something else has written the file meanwhile. Throws CliError. */
async function settle<R extends string>(
  config: string,
  file: string,
  attempt: (before: Found | undefined) => Promise<R | false>,
): Promise<R> {
  try {
    for (let i = 0; i < ATTEMPTS; i++) {
      const result = await attempt(await look(config));
      if (result) return result;
    }
  } catch (error) {
    if (error instanceof CliError) throw error;
    throw new CliError(`${config} cannot be changed: ${(error as Error).message}`, {
      next: byHand(file),
      cause: error,
    });
  }
  throw new CliError(`${config} is being written by something else`, { next: 'try again' });
}

interface Found {
  /** Behind symbolic links. */
  target: string;
  text: Bytes;
  mode: number;
  uid: number;
  gid: number;
}

async function look(config: string): Promise<Found | undefined> {
  const target = await realpath(config).catch(() => undefined);
  if (target === undefined) return undefined;
  const info = await stat(target);
  if (!info.isFile()) throw new CliError(`${config} is no file`, { next: 'name another with --file' });
  const text = (await readFile(target)).toString('latin1');
  return { target, text, mode: info.mode & 0o7777, uid: info.uid, gid: info.gid };
}

async function isFolder(path: string): Promise<boolean> {
  return (await stat(path).catch(() => undefined))?.isDirectory() ?? false;
}

/** False when the file is no longer what it was. */
async function replace(
  config: string,
  { before, text, file }: { before: Found | undefined; text: Bytes; file: string },
): Promise<boolean> {
  const target = before?.target ?? (await linkTarget(config));
  const isOurs = before?.uid === process.getuid?.() && before?.gid === process.getgid?.();
  const changed = Symbol(file);
  try {
    await writeFileWhole(target, Buffer.from(text, 'latin1'), {
      mode: before?.mode ?? 0o600,
      ...(before && !isOurs && { owner: before }),
      async beforeRename() {
        if ((await look(config))?.text !== before?.text) throw changed;
      },
    });
    return true;
  } catch (error) {
    if (error === changed) return false;
    throw error;
  }
}

/** Where a file that is not there is to be made: what a dangling symbolic link points to, else the path itself. */
async function linkTarget(config: string): Promise<string> {
  const link = await readlink(config).catch(() => undefined);
  return link === undefined ? config : resolve(await realpath(dirname(config)), link);
}

const byHand = (file: string) =>
  `where another program keeps that file, have it put this line at the top: Include ${includePattern(file)}`;
