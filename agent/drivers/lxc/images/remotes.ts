import type { LxdFacts } from '../lxd-facts.ts';

/** Image servers that `lxc` and `incus` know by these names from the start. */
export function defaultRemotes(kind: LxdFacts['kind']): [name: string, url: string][] {
  return [
    ['images', kind === 'incus' ? 'https://images.linuxcontainers.org' : 'https://images.lxd.canonical.com'],
    ['ubuntu', 'https://cloud-images.ubuntu.com/releases'],
    ['ubuntu-daily', 'https://cloud-images.ubuntu.com/daily'],
  ];
}
