import { sha256 } from '../../controller/kit/hash.ts';
import { listShipped, readShipped } from '../../controller/kit/program.ts';
import { GUEST_RUN_DIR } from './guest.ts';

export const GUEST_PROGRAM_PATH = '/opt/nexus/guest';
export const GUEST_SHELL_PATH = '/opt/nexus/shell';
export const GUEST_SSHD_CONFIG_PATH = '/opt/nexus/etc/sshd_config';
export const GUEST_KEYS_PATH = '/opt/nexus/etc/authorized_keys';
export const GUEST_USER_PATH = `${GUEST_RUN_DIR}/user`;
export const GUEST_ENV_PATH = `${GUEST_RUN_DIR}/env`;
export const GUEST_ABOUT_PATH = `${GUEST_RUN_DIR}/about`;
export const GUEST_GIT_LOGIN_PATH = `${GUEST_RUN_DIR}/git-login`;
export const GUEST_GIT_KEY_PATH = `${GUEST_RUN_DIR}/git-key`;
export const GUEST_HOST_KEY_PATH = `${GUEST_RUN_DIR}/ssh_host_ed25519_key`;

/** Files whose digests GuestState.files holds, as in program/50-snapshot.sh. */
export const MANAGED_PATHS: readonly string[] = [
  GUEST_PROGRAM_PATH,
  GUEST_SHELL_PATH,
  GUEST_SSHD_CONFIG_PATH,
  GUEST_KEYS_PATH,
  GUEST_USER_PATH,
  GUEST_ENV_PATH,
  GUEST_ABOUT_PATH,
  GUEST_HOST_KEY_PATH,
  GUEST_GIT_LOGIN_PATH,
  GUEST_GIT_KEY_PATH,
];

const FOLDER = 'agent/guest/program';
const parts = listShipped(FOLDER).filter(path => /\/\d[^/]*\.sh$/.test(path));
/** Without the comments, which every shell would read again; those for shells and shellcheck stay. */
const source = parts
  .map(readShipped)
  .join('\n')
  .replaceAll(/^\s*#(?!!| shellcheck).*\n/gm, '');

/** Digest of the program, so that one that differs is told apart. */
export const GUEST_VERSION = sha256(source).slice(0, 12);
/** What is installed as GUEST_PROGRAM_PATH. */
export const GUEST_PROGRAM = source.replace('@VERSION@', GUEST_VERSION);
/** Login shell of the user. */
export const GUEST_SHELL = readShipped(`${FOLDER}/shell.sh`);

const bootScript = readShipped(`${FOLDER}/boot.sh`).replaceAll(/^\s*#.*\n/gm, '');

/** For InstanceSpec.command, under the engine's init. Takes the program from what is handed over when it is not there. */
export function guestCommand(): string[] {
  return ['/bin/sh', '-c', bootScript];
}

/** For InstanceSpec.tmpfs: where secrets and the state of the guest live. */
export function guestTmpfs(): Record<string, { sizeBytes: number; mode: number }> {
  return { [GUEST_RUN_DIR]: { sizeBytes: 64 * 1024 * 1024, mode: 0o755 } };
}
