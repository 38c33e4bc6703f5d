import { statfs } from 'node:fs/promises';
import type Docker from 'dockerode';
import type { DriverInfo } from '../../driver.ts';
import type { EngineAddress } from './address.ts';

/** What does not change while an engine runs. */
export interface EngineFacts {
  kind: 'docker' | 'podman';
  /** As in `Docker 20.10.24`. */
  version: string;
  rootless: boolean;
  /** On this machine: a Unix socket, and not the virtual machine of a desktop product. */
  local: boolean;
  capacity: DriverInfo['capacity'];
}

interface VersionAnswer {
  Version: string;
  Components?: { Name: string; Version: string }[];
}

interface InfoAnswer {
  NCPU?: number;
  MemTotal?: number;
  DockerRootDir?: string;
  OperatingSystem?: string;
  SecurityOptions?: string[];
}

/** Two reads. Throws what dockerode throws. */
export async function readFacts(docker: Docker, address: EngineAddress): Promise<EngineFacts> {
  const [version, info] = await Promise.all([
    docker.version() as Promise<VersionAnswer>,
    docker.info() as Promise<InfoAnswer>,
  ]);
  const podman = version.Components?.find(({ Name }) => /podman/i.test(Name));
  const desktop = /docker desktop|podman machine/i.test(info.OperatingSystem ?? '');
  const local = address.socketPath !== undefined && process.platform === 'linux' && !desktop;
  return {
    kind: podman ? 'podman' : 'docker',
    version: podman ? `Podman ${podman.Version}` : `Docker ${cleanVersion(version.Version)}`,
    rootless: (info.SecurityOptions ?? []).some(option => /name=rootless/.test(option)),
    local,
    capacity: {
      cpuMillis: (info.NCPU ?? 0) * 1000,
      memoryBytes: info.MemTotal ?? 0,
      diskBytes: local ? await diskBytes(info.DockerRootDir) : 0,
    },
  };
}

/** `20.10.24+dfsg1` → `20.10.24`. */
function cleanVersion(version: string): string {
  return version.replace(/[+~].*$/, '');
}

/** Size of the file system that holds the engine's data; 0 when it cannot be told. */
async function diskBytes(dir: string | undefined): Promise<number> {
  if (!dir) return 0;
  try {
    const { blocks, bsize } = await statfs(dir);
    return blocks * bsize;
  } catch {
    return 0;
  }
}
