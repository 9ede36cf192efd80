/**
 * A bound on the memory of a process and its children, page cache and all: a control group below that of this process, or a scope of systemd. Linux only.
 */
import { existsSync, mkdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'

export interface MemoryLimit {
  /** The command under the bound. Its process is the one that is started. */
  wrap(command: readonly string[]): readonly string[]
  /** Whether a process was killed because of it. */
  killed(): boolean
  /** Once the processes have ended. */
  close(): Promise<void>
}

/** This machine, or this user, has no means for it. */
export class NoMemoryLimit extends Error {}

export interface ControlGroup {
  readonly version: 1 | 2
  /** Of this process. */
  readonly folder: string
}

/** @throws NoMemoryLimit */
export function memoryLimit(megabytes: number): MemoryLimit {
  const reasons: string[] = []
  const group = ownGroup()
  try {
    if (group === undefined) reasons.push('no control groups for memory are mounted')
    else return new GroupLimit(group, megabytes * 2 ** 20)
  } catch (error) {
    reasons.push(`no group may be made below ${group!.folder} (${(error as NodeJS.ErrnoException).code ?? (error as Error).message})`)
  }
  if (existsSync('/run/systemd/system')) return scopeLimit(megabytes)
  reasons.push('systemd is not running')
  throw new NoMemoryLimit(`memory cannot be bounded here: ${reasons.join('; ')}`)
}

function ownGroup(): ControlGroup | undefined {
  try {
    return memoryGroup(readFileSync('/proc/self/mountinfo', 'utf8'), readFileSync('/proc/self/cgroup', 'utf8'))
  } catch {
    return undefined
  }
}

/** From `/proc/self/mountinfo` and `/proc/self/cgroup`. A hierarchy of version 1 wins where it has the memory. */
export function memoryGroup(mountinfo: string, cgroup: string): ControlGroup | undefined {
  const mounts = mountinfo.split('\n').flatMap((line) => {
    const [before, after] = line.split(' - ')
    const [, , , root, point] = before!.split(' ')
    const [type, , options] = after?.split(' ') ?? []
    return root === undefined || point === undefined || type === undefined
      ? []
      : [{ root, point, type, options: options?.split(',') ?? [] }]
  })
  const paths = cgroup
    .split('\n')
    .filter(Boolean)
    .map((line) => {
      const [, controllers, ...path] = line.split(':')
      return { controllers: controllers!.split(','), path: path.join(':') }
    })
  const folder = (mount: (typeof mounts)[number], path: string): string =>
    join(mount.point, mount.root !== '/' && path.startsWith(mount.root) ? path.slice(mount.root.length) : path)
  const first = paths.find(({ controllers }) => controllers.includes('memory'))
  const firstMount = mounts.find(({ type, options }) => type === 'cgroup' && options.includes('memory'))
  if (first !== undefined && firstMount !== undefined) return { version: 1, folder: folder(firstMount, first.path) }
  const second = paths.find(({ controllers }) => controllers[0] === '')
  const secondMount = mounts.find(({ type }) => type === 'cgroup2')
  if (second === undefined || secondMount === undefined) return undefined
  return { version: 2, folder: folder(secondMount, second.path) }
}

let groups = 0

/** `exec`: the process of the shell becomes the command. */
const ENTER = 'echo $$ > "$0" && exec "$@"'
const REMOVE_TRIES = 50
const REMOVE_EVERY_MS = 100

class GroupLimit implements MemoryLimit {
  readonly #folder: string
  readonly #version: ControlGroup['version']

  constructor({ version, folder }: ControlGroup, bytes: number) {
    this.#version = version
    this.#folder = join(folder, `millrace-bench-${process.pid}-${++groups}`)
    // A group with processes of its own may not pass its controllers on, unless it is the root.
    if (version === 2 && !readFileSync(join(folder, 'cgroup.subtree_control'), 'utf8').split(/\s/).includes('memory'))
      writeFileSync(join(folder, 'cgroup.subtree_control'), '+memory')
    mkdirSync(this.#folder)
    try {
      if (version === 1) this.#write('memory.limit_in_bytes', bytes)
      // Without swap; not every kernel counts it.
      const swap = version === 1 ? 'memory.memsw.limit_in_bytes' : 'memory.swap.max'
      if (version === 2) this.#write('memory.max', bytes)
      if (existsSync(join(this.#folder, swap))) this.#write(swap, version === 1 ? bytes : 0)
    } catch (error) {
      rmdirSync(this.#folder)
      throw error
    }
  }

  #write(name: string, value: number): void {
    writeFileSync(join(this.#folder, name), String(value))
  }

  wrap(command: readonly string[]): readonly string[] {
    return ['/bin/sh', '-c', ENTER, join(this.#folder, 'cgroup.procs'), ...command]
  }

  killed(): boolean {
    const name = this.#version === 1 ? 'memory.oom_control' : 'memory.events'
    return Number(/^oom_kill (\d+)$/m.exec(readFileSync(join(this.#folder, name), 'utf8'))?.[1] ?? 0) > 0
  }

  async close(): Promise<void> {
    for (let tries = 1; ; tries++) {
      try {
        rmdirSync(this.#folder)
        return
      } catch (error) {
        // What has ended may be in there for a moment yet.
        if ((error as NodeJS.ErrnoException).code !== 'EBUSY' || tries === REMOVE_TRIES) throw error
        await sleep(REMOVE_EVERY_MS)
      }
    }
  }
}

function scopeLimit(megabytes: number): MemoryLimit {
  const user = process.getuid?.() === 0 ? [] : ['--user']
  return {
    wrap: (command) => [
      'systemd-run',
      ...user,
      '--scope',
      '--quiet',
      '-p',
      `MemoryMax=${megabytes}M`,
      '-p',
      'MemorySwapMax=0',
      '--',
      ...command,
    ],
    killed: () => false,
    close: async () => {},
  }
}
