import { readFileSync, readlinkSync } from 'node:fs'
import { hostname } from 'node:os'
import type { ProcessIdentity, ProcessInspector, ProcessObservation } from './process-identity.ts'

/** Processes of this machine, from `/proc` where there is one. */
export const nodeProcesses: ProcessInspector = {
  self: (): ProcessIdentity => {
    const own = observe(process.pid)
    return {
      host: hostname(),
      bootId: attempt(() => readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim()),
      pidNamespace: attempt(() => readlinkSync('/proc/self/ns/pid')),
      pid: process.pid,
      startTicks: own.running ? own.startTicks : undefined,
    }
  },
  observe,
}

function observe(pid: number): ProcessObservation {
  if (!signalArrives(pid)) return { running: false }
  const stat = attempt(() => readFileSync(`/proc/${pid}/stat`, 'utf8'))
  if (stat === undefined) return { running: true, startTicks: undefined }
  // The name, in parentheses, may itself hold spaces and parentheses; the third field follows the last of them.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  const isDefunct = fields[0] === 'Z' || fields[0] === 'X'
  return isDefunct ? { running: false } : { running: true, startTicks: fields[19] }
}

function signalArrives(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM'
  }
}

function attempt<T>(read: () => T): T | undefined {
  try {
    return read()
  } catch {
    return undefined
  }
}
