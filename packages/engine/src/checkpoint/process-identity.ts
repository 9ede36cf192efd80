/** Tells one process from all others, also after its pid has been given to another. */
export interface ProcessIdentity {
  readonly host: string
  /** Of the running kernel; undefined where there is none to be had. */
  readonly bootId: string | undefined
  /** Pids only mean something within it. */
  readonly pidNamespace: string | undefined
  readonly pid: number
  /** When the process started, in the kernel's own count. */
  readonly startTicks: string | undefined
}

/** What can be seen of processes: the facts a lock is judged by. */
export interface ProcessInspector {
  self(): Promise<ProcessIdentity>
  /** What runs under this pid here now; `startTicks` is undefined where it cannot be seen. */
  observe(pid: number): Promise<{ readonly running: false } | { readonly running: true; readonly startTicks: string | undefined }>
}
