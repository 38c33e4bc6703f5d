import { sha256 } from '../../controller/kit/hash.ts';
import { shellExports, shellQuote } from '../../controller/kit/shell-quote.ts';
import { bareSshKey, sshFingerprint } from '../../controller/kit/ssh-public-key.ts';
import type { GuestFile } from '../driver.ts';
import {
  GUEST_RUN_DIR,
  GUEST_SSH_PORT,
  type GuestConfig,
  type GuestDesired,
  type GuestService,
} from './guest.ts';
import {
  GUEST_ABOUT_PATH,
  GUEST_ENV_PATH,
  GUEST_GIT_KEY_PATH,
  GUEST_GIT_LOGIN_PATH,
  GUEST_HOST_KEY_PATH,
  GUEST_KEYS_PATH,
  GUEST_PROGRAM,
  GUEST_PROGRAM_PATH,
  GUEST_SHELL,
  GUEST_SHELL_PATH,
  GUEST_SSHD_CONFIG_PATH,
  GUEST_USER_PATH,
} from './program.ts';

/** uid of the user; files that the user must read are the user's. */
const USER_UID = 1000;

/** Guest.render: pure, the same for every guest. */
export function renderGuest(desired: GuestDesired): GuestConfig {
  const services: GuestConfig['services'] = {};
  for (const service of desired.services) services[service.name] = renderService(service, desired);
  return {
    boot: [
      { path: GUEST_PROGRAM_PATH, content: GUEST_PROGRAM, mode: 0o755 },
      { path: GUEST_SHELL_PATH, content: GUEST_SHELL, mode: 0o755 },
      { path: GUEST_SSHD_CONFIG_PATH, content: renderSshdConfig(desired.user), mode: 0o644 },
    ],
    runtime: [
      { path: GUEST_USER_PATH, content: `${desired.user}\n`, mode: 0o644 },
      { path: GUEST_HOST_KEY_PATH, content: withNewline(desired.hostKey), mode: 0o600 },
      { path: GUEST_ENV_PATH, content: shellExports(desired.env), mode: 0o400, uid: USER_UID },
      { path: GUEST_ABOUT_PATH, content: shellExports(desired.about ?? {}), mode: 0o644 },
      ...renderGitLogin(desired.git),
    ],
    keys: [{ path: GUEST_KEYS_PATH, content: renderAuthorizedKeys(desired), mode: 0o644 }],
    services,
  };
}

/** Always there, so that a login that is taken away is gone. */
function renderGitLogin(login: GuestDesired['git']): GuestFile[] {
  const lines = Object.entries({
    nexus_origin: login?.origin,
    nexus_username: login?.username,
    nexus_password: login?.password,
  }).map(([name, value]) => `${name}=${shellQuote(value ?? '')}\n`);
  const content = login?.origin ? lines.join('') : '';
  return [
    { path: GUEST_GIT_LOGIN_PATH, content, mode: 0o400, uid: USER_UID },
    { path: GUEST_GIT_KEY_PATH, content: login?.sshKey ?? '', mode: 0o400, uid: USER_UID },
  ];
}

/**
 * The environment is part of the definition, so that a changed variable is a changed service. Of what is about the
 * workspace only what the definition names is: another service's port restarts who says that it depends on it.
 */
function renderService(
  service: GuestService,
  { env, about = {} }: GuestDesired,
): GuestConfig['services'][string] {
  const own = { ...env, ...service.env };
  const content = [
    shellExports({ ...named(about, service), ...own }),
    `nexus_dir=${shellQuote(service.workingDir ?? '')}\n`,
    `nexus_command=${shellQuote(service.command)}\n`,
  ].join('');
  const file: GuestFile = {
    path: `${GUEST_RUN_DIR}/units/${service.name}/def`,
    content,
    mode: 0o400,
    uid: USER_UID,
  };
  return { files: [file], digest: sha256(content) };
}

/** Variables that the service's command or its own environment names. */
function named(about: Record<string, string>, service: GuestService): Record<string, string> {
  const text = [service.command, service.workingDir ?? '', ...Object.values(service.env)].join('\n');
  const words = new Set(text.match(/[A-Za-z_][A-Za-z0-9_]*/g));
  return Object.fromEntries(Object.entries(about).filter(([name]) => words.has(name)));
}

/** The agent's key opens connections to the instance's loopback, and can neither run anything nor listen. */
function renderAuthorizedKeys({ authorizedKeys, agentKey }: GuestDesired): string {
  const loopback = ['127.0.0.1:*', 'localhost:*', '[::1]:*'].map(to => `permitopen="${to}"`).join(',');
  const agent = `restrict,port-forwarding,${loopback},permitlisten="127.0.0.1:1",command="/bin/false"`;
  // A line break would begin another key.
  const lines = authorizedKeys.map(key => key.replaceAll(/[\r\n]+/g, ' ').trim()).filter(key => key !== '');
  const own = agentKey ? [`${commentOf(agentKey)}${agent} ${agentKey.trim()}`] : [];
  return [...lines.map(line => commentOf(line) + line), ...own].map(line => `${line}\n`).join('');
}

/** By its fingerprint `expel` of the program finds a key that may log in. */
function commentOf(key: string): string {
  const [, data = ''] = bareSshKey(key).split(' ');
  return `# ${sshFingerprint(Buffer.from(data, 'base64'))}\n`;
}

/**
 * For versions of sshd that get no AuthorizedKeysFile (`sshd_exec` of the program). Prints the keys, and leaves the one that is
 * shown where `expel` looks for it: a login that succeeds is by the last one.
 */
const NOTE_KEY = `/bin/sh -c 'echo "$1" >${GUEST_RUN_DIR}/logins/$PPID; exec cat ${GUEST_KEYS_PATH}' sh "%t %k"`;

/** Algorithms are taken away from the defaults, not listed: names differ by version, and an unknown one is an error. */
function renderSshdConfig(user: string): string {
  return `# Written by Nexus; changes are put back.
Port ${GUEST_SSH_PORT}
HostKey ${GUEST_HOST_KEY_PATH}
PidFile ${GUEST_RUN_DIR}/sshd.pid
AuthorizedKeysFile none
AuthorizedKeysCommand ${NOTE_KEY}
AuthorizedKeysCommandUser root
AllowUsers ${user}
PermitRootLogin no
AuthenticationMethods publickey
PubkeyAuthentication yes
PasswordAuthentication no
KbdInteractiveAuthentication no
PermitEmptyPasswords no
UsePAM no
PubkeyAcceptedKeyTypes -ssh-rsa,ssh-rsa-cert-v01@openssh.com,ssh-dss*
KexAlgorithms -diffie-hellman-*,ecdh-sha2-*
Ciphers -*-cbc,3des*
MACs -hmac-sha1*,hmac-md5*,umac-64*
AllowTcpForwarding yes
AllowStreamLocalForwarding yes
StreamLocalBindUnlink yes
AllowAgentForwarding yes
GatewayPorts no
PermitTunnel no
X11Forwarding no
PermitUserEnvironment no
AcceptEnv LANG LC_* COLORTERM TERM_PROGRAM TERM_PROGRAM_VERSION
PrintMotd no
PrintLastLog no
UseDNS no
TCPKeepAlive yes
ClientAliveInterval 60
ClientAliveCountMax 10
LoginGraceTime 60
MaxAuthTries 20
MaxSessions 100
MaxStartups 100:30:200
Subsystem sftp internal-sftp
`;
}

function withNewline(text: string): string {
  return text.endsWith('\n') ? text : `${text}\n`;
}
