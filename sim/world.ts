/**
 * One machine under a seed: a virtual clock on which every turn takes a random little time, a disk that can fail and crash, and no network.
 * A life is what runs between two crashes: its clock stops with it, and nothing it began completes afterwards.
 */
import { posix } from 'node:path'
import type { Cancel, Clock, Disk, Network, Random } from '@millrace/core'
import { SeededRandom, SimulatedDisk, VirtualClock } from '@millrace/testkit'
import type { ProcessInspector } from '@millrace/engine/simulation'
import { emptyBucket, type Bucket } from '../packages/testkit/test/simulated-object-store.ts'

/** A time far above what a life needs. */
const LIFE_EVENTS_MAX = 1_000_000

export class World {
  readonly random: SeededRandom
  readonly disk: SimulatedDisk
  /** A store of objects: no crash of this machine takes anything from it. */
  readonly bucket: Bucket = emptyBucket()
  #pid = 100
  #clock: VirtualClock = new VirtualClock({ startMs: Date.UTC(2026, 0, 1) })

  constructor(seed: number) {
    this.random = new SeededRandom(seed)
    const diskClock: Clock = {
      now: () => this.#clock.now(),
      monotonic: () => this.#clock.monotonic(),
      after: (delayMs, callback) => this.#clock.after(delayMs, callback),
      soon: (callback) => this.#clock.soon(callback),
    }
    this.disk = new SimulatedDisk({ random: this.random, clock: diskClock, latencyMs: [0, 3], shortReadProbability: 0.02 })
  }

  /** The ports of a new life. */
  begin(): Life {
    this.#clock = new VirtualClock({ startMs: this.#clock.now() + 1_000 })
    return new Life(this.#clock, this.disk.attach(), this.random, ++this.#pid)
  }

  /** Waits for something that goes on by itself, such as a look at the disk. */
  wait<T>(work: Promise<T>): Promise<T> {
    return this.#clock.run(work)
  }

  /** Another world with the same files and a fate of its own. */
  async copy(seed: number): Promise<World> {
    const other = new World(seed)
    other.#clock = new VirtualClock({ startMs: this.#clock.now() })
    other.#pid = this.#pid
    for (const [key, bytes] of this.bucket.objects) other.bucket.objects.set(key, bytes.slice())
    for (const [path, bytes] of await this.wait(filesOf(this.disk, '/data'))) await other.wait(other.writeFile(path, bytes))
    return other
  }

  /** Writes a file, durably. */
  async writeFile(path: string, bytes: Uint8Array): Promise<void> {
    const folder = posix.dirname(path)
    await this.disk.makeDirectory(folder)
    for (let dir = folder; dir !== '/'; dir = posix.dirname(dir)) await this.disk.syncDirectory(posix.dirname(dir))
    const file = await this.disk.open(path, 'create')
    await file.write(bytes, 0)
    await file.sync()
    await file.close()
    await this.disk.syncDirectory(folder)
  }

  /** Ends the life that runs: the process alone, or the machine with what was not synced. */
  end(how: 'kill' | 'crash'): void {
    if (how === 'kill') this.disk.kill()
    else this.disk.crash()
    // What was to happen in that life never does.
    this.#clock = new VirtualClock({ startMs: this.#clock.now() })
  }
}

/** All files under a folder, with their bytes. */
async function filesOf(disk: Disk, path: string): Promise<readonly (readonly [path: string, bytes: Uint8Array])[]> {
  const found: (readonly [string, Uint8Array])[] = []
  for (const name of await disk.list(path)) {
    const child = `${path}/${name}`
    const { kind } = await disk.stat(child)
    if (kind === 'directory') found.push(...(await filesOf(disk, child)))
    else found.push([child, await disk.readFile(child)])
  }
  return found
}

export class Life {
  readonly clock: Clock
  readonly disk: Disk
  readonly random: Random
  readonly processes: ProcessInspector
  readonly #virtual: VirtualClock

  constructor(virtual: VirtualClock, disk: Disk, random: SeededRandom, pid: number) {
    this.#virtual = virtual
    this.clock = jittery(virtual, random)
    this.disk = disk
    this.random = random
    const self = { host: 'sim', bootId: 'boot', pidNamespace: 'ns', pid, startTicks: String(pid) }
    this.processes = {
      self: () => self,
      observe: (other) => (other === pid ? { running: true, startTicks: self.startTicks } : { running: false }),
    }
  }

  /** Lets everything that is still under way come to its end. */
  async settle(): Promise<void> {
    await this.#virtual.runUntilIdle(10_000)
  }

  /** Runs for so long, or until `done` says so. */
  async run(durationMs: number, done: () => boolean): Promise<void> {
    const endMs = this.#virtual.monotonic() + durationMs
    for (let events = 0; !done() && this.#virtual.monotonic() < endMs; events++) {
      if (events > LIFE_EVENTS_MAX) throw new Error(`a life of more than ${LIFE_EVENTS_MAX} events: something never ends`)
      if (!(await this.#virtual.step())) {
        if (done()) return
        throw new Error('nothing is left to happen, but the job has not ended')
      }
    }
  }
}

/** Every turn takes a moment, of random length: tasks of different slots meet in every order. */
function jittery(clock: VirtualClock, random: SeededRandom): Clock {
  const moment = (): number => (random.uint32() % 1000) / 1000
  return {
    now: () => clock.now(),
    monotonic: () => clock.monotonic(),
    after: (delayMs: number, callback: () => void): Cancel => clock.after(delayMs, callback),
    soon: (callback: () => void): Cancel => clock.after(moment(), callback),
  }
}

export const noNetwork: Network = {
  listen: () => Promise.reject(new Error('there is no network in the simulation')),
  connect: () => Promise.reject(new Error('there is no network in the simulation')),
}
