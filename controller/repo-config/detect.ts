import { Document } from 'yaml';
import { CONFIG_VERSION } from './config-schema.ts';
import type { Detected, RepositoryFiles } from './detected.ts';
import { DETECTORS } from './detectors.ts';

export interface DetectedConfig {
  /** A `.nexus/config.yaml`, commented. */
  text: string;
  /** What was found and what follows, a sentence each. */
  reasons: string[];
}

/**
 * A good configuration for a repository that has none: its services as its own files tell, else a bare workspace. Pure
 * over `files`. Several kinds of program in one repository are one workspace, the first that names an image names it.
 */
export function detectConfig(files: RepositoryFiles, name?: string): DetectedConfig {
  const found = DETECTORS.map(detect => detect(files)).filter(one => one !== undefined);
  const reasons = found.flatMap(one => one.reasons);
  if (found.length === 0)
    reasons.push('Nothing tells how it is run: a bare workspace, with a shell and the repository.');
  return { text: render(found, name), reasons };
}

function render(found: Detected[], name: string | undefined): string {
  const services: Record<string, object> = {};
  const ports = new Set<number>();
  for (const { service } of found) {
    if (!service || service.name in services) continue;
    const { name: key, command, port, env } = service;
    const free = port !== undefined && !ports.has(port);
    if (free) ports.add(port);
    services[key] = {
      command,
      ...(free && { port }),
      ...(env && { env }),
      ...(free && { health_check: { type: 'tcp' } }),
    };
  }
  const image = found.find(one => one.image)?.image;
  const setup = found.flatMap(one => one.setup ?? []);
  const document = new Document({
    version: CONFIG_VERSION,
    ...(name !== undefined && { name }),
    ...(image && { providers: { docker: { image } } }),
    ...(Object.keys(services).length > 0 && { services }),
    ...(setup.length > 0 && { lifecycle: { pre_start: setup.join(' && ') } }),
  });
  document.commentBefore = ' What this repository needs to be worked on. Reference: nexus schema config';
  return document.toString({ defaultStringType: 'PLAIN', lineWidth: 0 });
}
