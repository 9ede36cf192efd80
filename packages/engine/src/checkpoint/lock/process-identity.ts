/** Tells one process from all others, also after its pid has been given to another. */
export interface ProcessIdentity {
  readonly host: string
  /** Of the running kernel; undefined where there is none to be had. */
  readonly bootId: string | undefined
  /** Pids only mean something within it; undefined where there are none. */
  readonly pidNamespace: string | undefined
  readonly pid: number
  /** When the process started, in the kernel's own count. */
  readonly startTicks: string | undefined
}

/** What runs under a pid now; `startTicks` is undefined where it cannot be seen. */
export type ProcessObservation = { readonly running: false } | { readonly running: true; readonly startTicks: string | undefined }

/** What can be seen of processes: the facts a lock is judged by. */
export interface ProcessInspector {
  self(): ProcessIdentity
  /** Of a process of this machine and namespace. */
  observe(pid: number): ProcessObservation
}

/**
 * Whether a process still lives. A machine that has the same name and another boot id has been started anew, and all its processes are gone.
 * Of another machine, or of another container, nothing can be said: containers of one name may be on two machines.
 */
export function judgeProcess(process: ProcessIdentity, inspector: ProcessInspector): 'alive' | 'dead' | 'unknown' {
  const self = inspector.self()
  if (process.host !== self.host) return 'unknown'
  if (differ(process.pidNamespace, self.pidNamespace)) return 'unknown'
  if (differ(process.bootId, self.bootId)) return 'dead'
  const observation = inspector.observe(process.pid)
  if (!observation.running) return 'dead'
  return differ(process.startTicks, observation.startTicks) ? 'dead' : 'alive'
}

function differ(a: string | undefined, b: string | undefined): boolean {
  return a !== undefined && b !== undefined && a !== b
}
