/** What a repository says of its workspace, checked and in its present shape. */
export interface RepoConfig {
  name?: string;
  description?: string;
  provider?: Provider;
  env: Record<string, string>;
  services: RepoService[];
  providers: Partial<Record<Provider, ProviderLimits>>;
  lifecycle: { preStart?: string; postStart?: string; preStop?: string };
}

export type Provider = 'docker' | 'lxc';
export const PROVIDERS: readonly Provider[] = ['docker', 'lxc'];

export interface ProviderLimits {
  image?: string;
  /** Kubernetes quantities. */
  cpu?: string;
  memory?: string;
  disk?: string;
}

export interface RepoService {
  name: string;
  command: string;
  port?: number;
  dependsOn: string[];
  env: Record<string, string>;
  healthCheck?: RepoHealthCheck;
}

export interface RepoHealthCheck {
  http?: { path: string; port?: number };
  tcp?: { port?: number };
  exec?: { command: string[] };
  timeoutSeconds?: number;
  intervalSeconds?: number;
  failureThreshold?: number;
}

/** Something to tell about a place of the file; lines and columns count from 1. */
export interface Finding {
  line: number;
  column: number;
  /** As in `['services', 'web', 'port']`; empty for the whole file. */
  path: readonly (string | number)[];
  message: string;
}

/** `config` is there when there are no problems. Warnings hinder nothing. */
export interface RepoConfigReading {
  config?: RepoConfig;
  problems: Finding[];
  warnings: Finding[];
}
