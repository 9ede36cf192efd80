/**
 * Places at which a test lets a process die or wait. In production nothing is named in the environment, and `reach` does nothing.
 *
 * `KAFKA_SINK_FAILPOINT=<name>@<n>[:<folder>]`: at the n-th time that the place is reached in this thread the process kills itself with SIGKILL; with a
 * folder, a file `<name>` is made there instead, and the thread goes on once that file is gone. A test has then time to kill somebody else.
 */
import { existsSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'

export const failpoints = [
  'before-prepare',
  'after-prepare',
  'handle-stored',
  'before-commit',
  'during-commit',
  'after-commit',
  'before-recovered-commit',
  'after-recovered-commit',
  'before-fence',
  'after-fence',
] as const

export type Failpoint = (typeof failpoints)[number]

/** What a writer does at a named place; undefined: nothing, and at once. */
export type Reach = (failpoint: Failpoint) => Promise<void> | undefined

const NOTHING: Reach = () => undefined
const POLL_MS = 2

/** As the environment says. */
export function failpointsOf(setting: string | undefined): Reach {
  if (setting === undefined || setting === '') return NOTHING
  const match = /^([a-z-]+)@(\d+)(?::(.+))?$/.exec(setting)
  if (match === null || !(failpoints as readonly string[]).includes(match[1]!)) throw new Error(`KAFKA_SINK_FAILPOINT is ${setting}`)
  const [, name, count, folder] = match
  let left = Number(count)
  return (failpoint) => {
    if (failpoint !== name || --left !== 0) return undefined
    if (folder === undefined) process.kill(process.pid, 'SIGKILL')
    return folder === undefined ? new Promise(() => {}) : pause(join(folder, failpoint))
  }
}

async function pause(file: string): Promise<void> {
  writeFileSync(file, '')
  while (existsSync(file)) await sleep(POLL_MS)
}
