/** What the operating system refuses and a person can mend, by its code: what and why, and what to do. */
const SENTENCES: Record<string, (error: NodeJS.ErrnoException & Place) => [message: string, next: string]> = {
  EADDRINUSE: error => [
    `${placeOf(error)} is taken by another program`,
    'is another `nexus up` running? Else choose another: --listen (API), --gateway-listen (gateway)',
  ],
  EADDRNOTAVAIL: error => [
    `${placeOf(error)} is no address of this machine`,
    'name one that it has (`ip address`), or 0.0.0.0 for all',
  ],
  EACCES: error => [
    `no permission for ${error.path ?? placeOf(error)} (${error.syscall})`,
    'whose is it? `ls -ld` tells; ports below 1024 are for root',
  ],
  EPERM: error => [
    `not permitted: ${error.syscall} ${error.path ?? ''}`.trimEnd(),
    'whose is it? `ls -ld` tells',
  ],
  EROFS: error => [
    `${error.path ?? 'the file'} is on a file system that only can be read`,
    'name a folder that can be written to: NEXUS_HOME',
  ],
  ENOSPC: error => [
    `no space is left on the disk${error.path ? ` of ${error.path}` : ''}`,
    'make room (`df -h`), then do the same again',
  ],
  EDQUOT: error => [
    `the disk quota is used up${error.path ? ` for ${error.path}` : ''}`,
    'make room (`quota`), then do the same again',
  ],
  // Of a program that is not installed it is told elsewhere.
  ENOENT: error => [
    `there is no ${error.path} (${error.syscall})`,
    'is the folder that it is in there, and can it be written to?',
  ],
  EMFILE: () => ['too many files are open', 'raise the limit: ulimit -n 65536'],
  EEXIST: error => [
    `${error.path ?? 'a part of the path'} is there already, and is something else`,
    'name another, or move what is there out of the way',
  ],
  ENAMETOOLONG: error => [
    `the name ${error.path ?? ''} is too long for this file system`,
    'choose a shorter one',
  ],
  ENOTDIR: error => [
    `${error.path ?? 'a part of the path'} is no folder`,
    'name another, or move what is there out of the way',
  ],
};

interface Place {
  address?: string;
  port?: number;
}

const placeOf = ({ address, port }: Place): string =>
  address === undefined ? 'the address' : port === undefined || port < 0 ? address : `${address}:${port}`;

/** The sentence for an error of the operating system; undefined for those that people cannot foresee. */
export function systemError(error: unknown): { message: string; next: string } | undefined {
  const code = (error as NodeJS.ErrnoException | undefined)?.code;
  if (typeof code !== 'string' || !Object.hasOwn(SENTENCES, code)) return undefined;
  const { syscall, path } = error as NodeJS.ErrnoException;
  if (code === 'ENOENT' && (path === undefined || syscall?.startsWith('spawn'))) return undefined;
  const found = SENTENCES[code]?.(error as NodeJS.ErrnoException & Place);
  return found && { message: found[0], next: found[1] };
}
