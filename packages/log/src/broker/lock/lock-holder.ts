import { readFile, stat } from 'node:fs/promises'

/** Who holds a lock of the operating system on a file, in words that go into a message; empty where the system does not tell. */
export async function holderOf(path: string): Promise<string> {
  try {
    const [{ ino }, locks] = await Promise.all([stat(path), readFile('/proc/locks', 'utf8')])
    const pid = pidOf(locks, ino)
    if (pid === undefined) return ''
    if (pid === process.pid) return ', this process itself'
    // Processes of other containers have no number here.
    return pid <= 0 ? ', of another container' : `, process ${pid}`
  } catch {
    return ''
  }
}

/** Lines like `1: POSIX  ADVISORY  WRITE 4711 08:01:1234 0 EOF`; those that wait for a lock begin with `->` after the number. */
export function pidOf(locks: string, inode: number): number | undefined {
  for (const line of locks.split('\n')) {
    const [, pid, of] = /^\d+: \S+\s+\S+\s+WRITE\s+(-?\d+)\s+\S+:(\d+)\s/.exec(line) ?? []
    if (of === String(inode)) return Number(pid)
  }
  return undefined
}
