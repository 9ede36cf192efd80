/** Runs what measures and what is measured, each where it is told to run. */
import { spawn } from 'node:child_process'

export interface RunOptions {
  /** As taskset takes them; anywhere by default. */
  readonly cores?: string | undefined
  readonly timeoutMs: number
}

/** What a program prints. Rejects where it fails, or runs over its time. */
export function run(command: string, args: readonly string[], { cores, timeoutMs }: RunOptions): Promise<string> {
  const [program, rest]: readonly [string, readonly string[]] =
    cores === undefined ? [command, args] : ['taskset', ['-c', cores, command, ...args]]
  return new Promise((resolve, reject) => {
    const child = spawn(program, rest, { stdio: ['ignore', 'pipe', 'pipe'] })
    let printed = ''
    let complained = ''
    const timer = setTimeout(() => child.kill('SIGKILL'), timeoutMs)
    child.stdout.on('data', (bytes: Buffer) => (printed += bytes.toString()))
    child.stderr.on('data', (bytes: Buffer) => (complained += bytes.toString()))
    child.on('error', reject)
    child.on('close', (code, signal) => {
      clearTimeout(timer)
      if (code === 0) return resolve(printed)
      const last = (complained || printed).trim().split('\n').slice(-3).join(' | ')
      reject(new Error(signal === null ? `exit ${code}: ${last}` : `${command} ran over ${timeoutMs / 1000} s`))
    })
  })
}

/** The last line that a program prints. */
export async function lastLine(printed: Promise<string>): Promise<string> {
  return (await printed).trim().split('\n').at(-1) ?? ''
}
