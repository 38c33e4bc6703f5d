import { execFile } from 'node:child_process';
import { promisify } from 'node:util';

/**
 * Whether LXD can filter addresses and takes its rules away again, by the packet filter that it says it uses. Without
 * nftables it needs ebtables: it refuses to start an instance where there is none, and does not find its own rules again
 * where ebtables is one over nftables.
 */
export async function canFilterAddresses(firewall: string | undefined): Promise<boolean> {
  if (firewall === 'nftables') return true;
  const env = { ...process.env, PATH: `${process.env.PATH}:/usr/sbin:/sbin` };
  const version = promisify(execFile)('ebtables', ['--version'], { env, timeout: 5000 });
  return version.then(
    ({ stdout }) => !stdout.includes('nf_tables'),
    () => false,
  );
}
