import { shellWord } from '../../controller/kit/shell-quote.ts';
import { configPath } from './config/quote.ts';
import { GATEWAY_ALIAS, type Gateway } from './gateway.ts';

/** One option of ssh_config: name and value, quoted. */
export type SshOption = readonly [name: string, value: string];

/** Options that check a server's host key against what was published, and against nothing else. */
export function strictHostKey(alias: string, knownHostsFile: string): SshOption[] {
  return [
    ['HostKeyAlias', alias],
    ['UserKnownHostsFile', configPath(knownHostsFile)],
    ['GlobalKnownHostsFile', '/dev/null'],
    ['StrictHostKeyChecking', 'yes'],
    // It would be written into a file that we write.
    ['UpdateHostKeys', 'no'],
  ];
}

/** Keys to offer, in order. */
export function identityOptions(files: string[]): SshOption[] {
  return files.map(file => ['IdentityFile', configPath(file)] as const);
}

/** A dead peer is noticed after a minute. */
export const KEEP_ALIVE: SshOption[] = [
  ['ServerAliveInterval', '15'],
  ['ServerAliveCountMax', '4'],
];

/** As arguments: `-o`, `Name=value`, … */
export function optionArgs(options: readonly SshOption[]): string[] {
  return options.flatMap(([name, value]) => ['-o', `${name}=${value}`]);
}

/** ProxyCommand to a workspace by way of the gateway. It needs no entry in anybody's configuration. */
export function gatewayProxy(
  gateway: Gateway,
  to: { alias: string; knownHostsFile: string; identities: string[] },
): SshOption {
  const options = [
    ...strictHostKey(GATEWAY_ALIAS, to.knownHostsFile),
    ...identityOptions(to.identities),
    ...KEEP_ALIVE,
    ['ConnectTimeout', '10'] as const,
  ];
  const words = [
    'ssh',
    ...optionArgs(options),
    ...['-p', String(gateway.port), '-W', `${to.alias}:22`, `${gateway.user}@${gateway.host}`],
  ];
  // Here `%` is the outer ssh's; what is quoted for the inner one has doubled its own already.
  return ['ProxyCommand', words.map(word => shellWord(word.replaceAll('%', '%%'))).join(' ')];
}
