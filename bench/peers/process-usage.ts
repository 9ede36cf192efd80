/**
 * What a process and its children have used, seen from outside, so that every engine is measured by the same means. Linux only.
 */
import { readdirSync, readFileSync } from 'node:fs'

export interface Usage {
  /** User and system time of all threads; of children that have ended too. */
  readonly cpuSeconds: number
  /** The largest resident set of each process, added up. */
  readonly peakRssMb: number
  readonly rssMb: number
}

/** `sysconf(_SC_CLK_TCK)`: 100 on every Linux that Node runs on. */
const TICKS_A_SECOND = 100

/** Undefined once the process has gone. */
export function usageOf(pid: number): Usage | undefined {
  try {
    const own = usageFrom(readFileSync(`/proc/${pid}/stat`, 'utf8'), readFileSync(`/proc/${pid}/status`, 'utf8'))
    const others = childrenOf(pid).flatMap((child) => usageOf(child) ?? [])
    return [own, ...others].reduce((sum, usage) => ({
      cpuSeconds: sum.cpuSeconds + usage.cpuSeconds,
      peakRssMb: sum.peakRssMb + usage.peakRssMb,
      rssMb: sum.rssMb + usage.rssMb,
    }))
  } catch {
    return undefined
  }
}

/** Of the contents of `/proc/<pid>/stat` and `/proc/<pid>/status`. */
export function usageFrom(stat: string, status: string): Usage {
  // The second field is the name, in parentheses, and may hold anything: count from after it.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  const ticks = fields.slice(11, 15).reduce((sum, field) => sum + Number(field), 0)
  const megabytes = (name: string): number => Number(new RegExp(`^${name}:\\s+(\\d+) kB`, 'm').exec(status)?.[1] ?? 0) / 1024
  return { cpuSeconds: ticks / TICKS_A_SECOND, peakRssMb: megabytes('VmHWM'), rssMb: megabytes('VmRSS') }
}

function childrenOf(pid: number): readonly number[] {
  return readdirSync(`/proc/${pid}/task`).flatMap((thread) =>
    readFileSync(`/proc/${pid}/task/${thread}/children`, 'utf8').split(' ').filter(Boolean).map(Number),
  )
}
