/** A string as one word of a POSIX shell, whatever is in it but NUL, which no shell can hold. */
export function shellQuote(value: string): string {
  return `'${value.replaceAll("'", `'\\''`)}'`;
}

/** The same for a line that people read too: a word in which nothing needs quotes stays as it is. */
export function shellWord(value: string): string {
  return /^[A-Za-z0-9_@%+=:,./-]+$/.test(value) ? value : shellQuote(value);
}

/** Lines `export NAME='value'`. What a shell cannot set (names that are none, its own read-only ones) is left out. */
export function shellExports(env: Record<string, string>): string {
  return Object.entries(env)
    .filter(([name, value]) => isSettable(name) && !value.includes('\0'))
    .map(([name, value]) => `export ${name}=${shellQuote(value)}\n`)
    .join('');
}

const READ_ONLY = new Set(['UID', 'EUID', 'PPID', 'GROUPS', 'SHELLOPTS', 'BASHOPTS', 'BASH_VERSINFO']);

function isSettable(name: string): boolean {
  return /^[A-Za-z_][A-Za-z0-9_]*$/.test(name) && !READ_ONLY.has(name);
}
