/** One line of discovery: a resource or a subresource. */
export interface DiscoveredResource {
  readonly group: string;
  readonly version: string;
  readonly kind: string;
  readonly plural: string;
  readonly singular: string;
  readonly namespaced: boolean;
  readonly verbs: readonly string[];
  readonly shortNames: readonly string[];
  readonly categories: readonly string[];
  readonly subresources: readonly {
    readonly name: string;
    readonly kind: string;
    /** Of the kind, where they are not the resource's. */
    readonly group?: string;
    readonly version?: string;
    readonly verbs: readonly string[];
  }[];
}
