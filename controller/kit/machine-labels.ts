import { arch, hostname, type as osType } from 'node:os';
import { LABEL_ARCH, LABEL_HOSTNAME, LABEL_OS } from '../../crds/names.ts';

/** What a Node is labelled with from the start, so that selectors can tell machines apart. */
export function machineLabels(host = hostname()): Record<string, string> {
  return {
    [LABEL_HOSTNAME]: labelValue(host),
    [LABEL_ARCH]: arch(),
    [LABEL_OS]: osType().toLowerCase(),
  };
}

/** Label values are at most 63 letters, digits, `-`, `_` and `.`, with letters or digits at both ends. */
function labelValue(text: string): string {
  return text
    .replace(/[^A-Za-z0-9._-]/g, '-')
    .slice(0, 63)
    .replace(/^[^A-Za-z0-9]+|[^A-Za-z0-9]+$/g, '');
}
