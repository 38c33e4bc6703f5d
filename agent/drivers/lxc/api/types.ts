/** The parts of LXD's objects that are used here. */

export type Config = Record<string, string>;
export type Device = Record<string, string>;

export interface LxdServer {
  api_extensions: string[];
  auth: 'trusted' | 'untrusted';
  environment: {
    /** `lxd` or `incus`. */
    server: string;
    server_version: string;
    /** `xtables` or `nftables`. */
    firewall?: string;
    kernel_architecture?: string;
  };
}

export interface LxdResources {
  cpu: { total: number };
  memory: { total: number };
}

export interface LxdInstance {
  name: string;
  /** 102: stopped, 103: running, 110: frozen … */
  status_code: number;
  status: string;
  config: Config;
  devices: Record<string, Device>;
  created_at: string;
  /** The last start; a time before 1971 when there was none. */
  last_used_at: string;
}

export interface LxdInstanceState {
  status_code: number;
  pid: number;
  memory?: { usage?: number };
}

export interface LxdVolume {
  name: string;
  type: string;
  config: Config;
}

export interface LxdPool {
  name: string;
  driver: string;
}

export interface LxdNetwork {
  name: string;
  type: string;
  managed: boolean;
  config: Config;
}

export interface LxdImage {
  fingerprint: string;
  size: number;
  aliases: { name: string }[];
  properties: Record<string, string>;
}

export const STATUS = { running: 103, thawed: 111, frozen: 110 } as const;
