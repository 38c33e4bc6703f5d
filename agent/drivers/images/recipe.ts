import { sha256 } from '../../../controller/kit/hash.ts';
import { DriverError } from '../../driver.ts';

/** Part of the cache key: raise it when what is added changes. */
const RECIPE_VERSION = '1';

/** Programs that a workspace cannot do without: its own and those that the guest program calls. */
const PROGRAMS = 'sshd ssh ssh-keygen git sudo tar ps flock setsid setpriv timeout stat sha256sum';

const FIND = `
PATH="$PATH:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
missing=
for program in ${PROGRAMS}; do
  command -v "$program" >/dev/null 2>&1 || missing="$missing $program"
done
command -v useradd >/dev/null 2>&1 || command -v adduser >/dev/null 2>&1 || missing="$missing useradd"
certificates=
for file in /etc/ssl/certs/ca-certificates.crt /etc/pki/tls/certs/ca-bundle.crt /etc/ssl/cert.pem /etc/ssl/ca-bundle.pem; do
  [ ! -s "$file" ] || certificates=1
done
[ -n "$certificates" ] || missing="$missing ca-certificates"
manager=
for program in apt-get apk dnf microdnf yum; do
  [ -n "$manager" ] || ! command -v "$program" >/dev/null 2>&1 || manager=$program
done`;

/** Run in an image; prints `nexus-missing: …` and `nexus-manager: …`. */
export const PROBE = `${FIND}
echo "nexus-missing:$missing"
echo "nexus-manager: $manager"`;

/** An image whose package manager never ends must not keep the others waiting. */
export const INSTALL_MS = 30 * 60_000;

export interface ProbeResult {
  missing: string[];
  /** Name of the package manager's program; empty when it is none that we know. */
  manager: string;
}

/** Undefined when the output is not the probe's. */
export function parseProbe(output: string): ProbeResult | undefined {
  const missing = /^nexus-missing:(.*)$/m.exec(output)?.[1];
  const manager = /^nexus-manager:(.*)$/m.exec(output)?.[1];
  if (missing === undefined || manager === undefined) return undefined;
  return { missing: missing.split(' ').filter(Boolean), manager: manager.trim() };
}

const RPM =
  'openssh-server openssh-clients git-core sudo tar procps-ng util-linux shadow-utils ca-certificates';

/**
 * Run as root in what becomes the derived image. Host keys that packages make are taken away: each workspace has its own.
 * No daemon is started: Debian's packages ask policy-rc.d.
 */
export const INSTALL = `set -e
${FIND}
case $manager in
  apt-get)
    export DEBIAN_FRONTEND=noninteractive
    policy=/usr/sbin/policy-rc.d
    [ -e $policy ] || { printf '#!/bin/sh\\nexit 101\\n' > $policy; chmod 755 $policy; remove=$policy; }
    apt-get update
    apt-get install -y --no-install-recommends openssh-server openssh-client git sudo tar procps passwd util-linux ca-certificates
    rm -f $remove
    apt-get clean
    rm -rf /var/lib/apt/lists/*
    ;;
  apk)
    apk add --no-cache openssh-server openssh-client openssh-keygen openssh-sftp-server git sudo tar procps shadow util-linux coreutils bash ca-certificates
    ;;
  dnf|yum)
    $manager install -y ${RPM}
    $manager clean all
    ;;
  microdnf)
    microdnf install -y ${RPM}
    microdnf clean all
    ;;
esac
rm -f /etc/ssh/ssh_host_*
${FIND}
[ -z "$missing" ] || { echo "still missing:$missing" >&2; exit 1; }`;

/** The name under which the complete form of an image is kept: the image itself when it lacks nothing. */
export function derivedTag(baseId: string): string {
  return sha256(`${baseId}\n${RECIPE_VERSION}`).slice(0, 32);
}

/** What is said of an image that lacks something and has no package manager that we know. */
export function noManager(reference: string, missing: string[]): DriverError {
  return new DriverError(
    'ImageUnsupported',
    `${reference} lacks ${missing.join(', ')} and has no package manager that Nexus knows (apt, apk, dnf, yum); use an image that has them.`,
  );
}
