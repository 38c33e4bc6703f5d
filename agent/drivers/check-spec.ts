import { LABEL_NODE } from '../../crds/names.ts';
import { DriverError, type InstanceSpec } from '../driver.ts';

/** What a driver asks of a specification before it makes anything. Throws Invalid. */
export function checkSpec(node: string, spec: InstanceSpec): void {
  if (spec.labels[LABEL_NODE] !== node || spec.volume.labels[LABEL_NODE] !== node)
    throw new DriverError(
      'Invalid',
      `${spec.name}: instance and volume must have the label ${LABEL_NODE}=${node}`,
    );
  const hidden = spec.files.find(({ path }) =>
    Object.keys(spec.tmpfs).some(dir => path.startsWith(dir.endsWith('/') ? dir : `${dir}/`)),
  );
  if (hidden)
    throw new DriverError(
      'Invalid',
      `${spec.name}: ${hidden.path} is in a memory file system, which is only there once the instance runs`,
    );
}
