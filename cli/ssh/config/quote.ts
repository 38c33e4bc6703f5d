import { CliError } from '../../errors.ts';

/** A value of an ssh_config file or of `-o`, in quotes as far as it needs them. No line can hold a newline. */
export function configWord(value: string): string {
  if (/[\0\r\n]/.test(value)) throw unsayable(value);
  if (/^[A-Za-z0-9_@%+=:,./~-]+$/.test(value)) return value;
  return `"${value.replace(/[\\"]/g, '\\$&')}"`;
}

/** A path as a value: ssh expands `%` in it, and `${`, which nothing can quote. Throws CliError for the latter. */
export function configPath(path: string): string {
  if (path.includes('${')) throw unsayable(path);
  return configWord(path.replaceAll('%', '%%'));
}

/**
 * A path as the argument of Include, which is a pattern: its wildcards are put in brackets. What no version of ssh takes
 * in quotes, or newer ones expand, is `?`, any one letter.
 */
export function includePattern(path: string): string {
  const pattern = path.replace(/[[*?]/g, '[$&]').replace(/["\\%$\p{Cc}]/gu, '?');
  return /^[A-Za-z0-9_@+=:,./-]+$/.test(pattern) ? pattern : `"${pattern}"`;
}

function unsayable(value: string): CliError {
  return new CliError(`ssh's configuration cannot name ${JSON.stringify(value)}`, {
    next: 'choose a path without line breaks and ${ for NEXUS_HOME',
  });
}
