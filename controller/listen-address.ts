import { OptionError } from './kit/options.ts';

/** Reads `host:port`, `[::1]:port` and `:port`. Throws OptionError. */
export function parseListen(text: string, flag = '--listen'): { host: string; port: number } {
  const match = /^(?:\[([^\]]+)\]|([^:]*)):(\d{1,5})$/.exec(text);
  const port = Number(match?.[3]);
  if (!match || port > 65535) throw new OptionError(`${flag} takes ADDRESS:PORT, not "${text}"`);
  return { host: match[1] ?? (match[2] || '0.0.0.0'), port };
}
