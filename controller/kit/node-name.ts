/** A host name made fit to name a Node: a DNS label of at most 50 characters. */
export function nodeNameFrom(host: string): string {
  const label = host
    .toLowerCase()
    .split('.')[0]
    ?.replace(/[^a-z0-9-]+/g, '-')
    .slice(0, 50)
    .replace(/^-+|-+$/g, '');
  return label || 'node';
}
