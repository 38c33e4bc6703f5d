import { readFileSync } from 'node:fs';
import { watch } from 'chokidar';
import type { Logger } from './kit/log.ts';

/** Public keys of a file in the form of authorized_keys, kept as the file is. */
export interface AuthorizedKeys {
  /** As they are now, in the file's order, each once. */
  current(): readonly string[];
  /** Called after they changed. Returns an unsubscribe. */
  onChange(handler: () => void): () => void;
  close(): Promise<void>;
}

const KEY =
  /^(ssh-ed25519|ssh-rsa|ecdsa-sha2-nistp(256|384|521)|sk-ssh-ed25519@openssh\.com|sk-ecdsa-sha2-nistp256@openssh\.com) [A-Za-z0-9+/]+={0,3}( .*)?$/;

/** The keys of a text; lines with options or of unknown types are left out, since they cannot be passed on as they are. */
export function parseAuthorizedKeys(text: string): { keys: string[]; skipped: number } {
  const lines = text
    .split('\n')
    .map(line => line.trim())
    .filter(line => line !== '' && !line.startsWith('#'));
  const keys = [...new Set(lines.filter(line => KEY.test(line)))];
  return { keys, skipped: lines.filter(line => !KEY.test(line)).length };
}

/** Reads `file` and follows it. One that is not there holds no keys, and is read as soon as it is. */
export function watchAuthorizedKeys(file: string, log: Logger): AuthorizedKeys {
  const handlers = new Set<() => void>();
  let keys = read(file, log);
  const watcher = watch(file, {
    ignoreInitial: true,
    awaitWriteFinish: { stabilityThreshold: 200, pollInterval: 50 },
  });
  watcher.on('all', () => {
    const next = read(file, log);
    if (next.join('\n') === keys.join('\n')) return;
    keys = next;
    log.info({ file, keys: keys.length }, 'authorised keys changed');
    for (const handler of handlers) handler();
  });
  watcher.on('error', error => log.warn({ file, err: error }, 'authorised keys are not followed'));
  return {
    current: () => keys,
    onChange(handler) {
      handlers.add(handler);
      return () => handlers.delete(handler);
    },
    close: () => watcher.close(),
  };
}

function read(file: string, log: Logger): string[] {
  try {
    const { keys, skipped } = parseAuthorizedKeys(readFileSync(file, 'utf8'));
    if (skipped > 0) log.warn({ file, skipped }, 'lines that are no plain public key are left out');
    return keys;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT')
      log.warn({ file, err: error }, 'authorised keys cannot be read');
    return [];
  }
}
