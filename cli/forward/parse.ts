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
  const byName = [...(spec.services ?? []), ...(spec.ports ?? [])].find(({ name }) => name === named)?.port;
  const remote = byName ?? portNumber(named);
  const local = second === undefined ? remote : first === '' || first === '0' ? 0 : portNumber(first);
  if (remote === undefined || local === undefined || text.split(':').length > 2)
    throw usageError(`"${text}" is no port`, 'as in 3000, 8080:3000, :3000, web or 8080:web');
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
