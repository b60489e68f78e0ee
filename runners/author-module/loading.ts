/**
 * Whether a worker is loading an author's module right now. What the module would start by itself would start in every worker.
 */

const loading = Symbol.for('millrace.worker.loadingModule')

/** Whether a `millrace` worker is loading a module right now: its top level must not start anything. */
export function workerLoadingModule(): boolean {
  return (globalThis as { readonly [loading]?: boolean })[loading] === true
}

/** Marks the time in which a worker loads the author's module. */
export function markLoadingModule(isLoading: boolean): void {
  ;(globalThis as { [loading]?: boolean })[loading] = isLoading
}
