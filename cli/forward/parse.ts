import type { Workspace } from '../../crds/types.generated.ts';
import { usageError } from '../errors.ts';

export interface Forward {
  /** 0: any that is free. */
  local: number;
  remote: number;
}

/** Reads `3000`, `8080:3000`, `:3000`, `web`, `8080:web` and `:web`. Throws CliError. */
export function parseForward(text: string, spec: Workspace['spec']): Forward {
  const [first = '', second] = text.split(':');
  const named = second ?? first;
  const declared = [...(spec.services ?? []), ...(spec.ports ?? [])];
  const byName = declared.find(({ name }) => name === named)?.port;
  const remote = byName ?? portNumber(named);
  const local = second === undefined ? remote : first === '' || first === '0' ? 0 : portNumber(first);
  if (remote === undefined || local === undefined || text.split(':').length > 2) {
    const names = declared.flatMap(({ name, port }) => (port === undefined ? [] : `${name} (${port})`));
    const has = names.length > 0 ? `; it has: ${names.join(', ')}` : '';
    throw usageError(
      `"${text}" is no port, service or declared port of the workspace${has}`,
      'as in 3000, 8080:3000 (8080 here), :3000 (any that is free here), or a name in place of 3000',
    );
  }
  return { local, remote };
}

function portNumber(text: string): number | undefined {
  const port = Number(text);
  return /^\d+$/.test(text) && port >= 1 && port <= 65535 ? port : undefined;
}

/** Addresses to listen on: a comma between them; `localhost` is both of its kinds. */
export function parseAddresses(text: string): string[] {
  const all = text
    .split(',')
    .map(one => one.trim())
    .filter(one => one !== '')
    .flatMap(one => (one === 'localhost' ? ['127.0.0.1', '::1'] : [one.replace(/^\[(.*)\]$/, '$1')]));
  if (all.length === 0) throw usageError('--address takes addresses of this machine', '--address 127.0.0.1');
  return [...new Set(all)];
}
