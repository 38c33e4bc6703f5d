import type { Condition, KubeObject } from '../../../crds/object.ts';
import type { JsonSchema } from '../schema/json-schema.ts';
import type { PrinterColumn } from '../tables/column.ts';

export interface CrdNames {
  plural: string;
  kind: string;
  singular?: string;
  listKind?: string;
  shortNames?: string[];
  categories?: string[];
}

export interface CrdVersion {
  name: string;
  served: boolean;
  storage: boolean;
  deprecated?: boolean;
  deprecationWarning?: string;
  schema?: { openAPIV3Schema?: JsonSchema };
  subresources?: {
    status?: object;
    scale?: { specReplicasPath: string; statusReplicasPath: string; labelSelectorPath?: string };
  };
  additionalPrinterColumns?: PrinterColumn[];
  selectableFields?: { jsonPath: string }[];
}

/** apiextensions.k8s.io/v1 CustomResourceDefinition, as far as this server reads it. */
export interface CustomResourceDefinition extends KubeObject {
  spec: {
    group: string;
    scope: 'Namespaced' | 'Cluster';
    names: CrdNames;
    versions: CrdVersion[];
    conversion?: { strategy?: string };
    preserveUnknownFields?: boolean;
  };
  status?: { conditions?: Condition[]; acceptedNames?: CrdNames; storedVersions?: string[] };
}

/** Names with what Kubernetes fills in. */
export function completeNames(names: CrdNames): CrdNames & { singular: string; listKind: string } {
  return {
    ...names,
    singular: names.singular || names.kind.toLowerCase(),
    listKind: names.listKind || `${names.kind}List`,
  };
}

/** Whether the CRD's resources are served. */
export function isEstablished(crd: CustomResourceDefinition): boolean {
  return (
    crd.status?.conditions?.some(
      condition => condition.type === 'Established' && condition.status === 'True',
    ) ?? false
  );
}
