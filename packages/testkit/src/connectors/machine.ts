import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import {
  nodeClock,
  nodeDisk,
  nodeNetwork,
  NetworkError,
  type Clock,
  type Disk,
  type FileHandle,
  type Network,
  type Random,
} from '@millrace/core'
import { VirtualClock } from '../clock/virtual-clock.ts'
import { SimulatedDisk } from '../disk/simulated-disk.ts'
import { SeededRandom } from '../random/seeded-random.ts'
import { MortalPorts } from './mortal-ports.ts'

/** What one life of a process on a machine is given. */
export interface MachinePorts {
  readonly clock: Clock
  readonly disk: Disk
  readonly network: Network
  readonly random: Random
}

/** A machine on which a connector lives, dies and lives again. */
export interface TestMachine {
  readonly random: SeededRandom
  /** An empty folder of the machine, which is there, and outlives every crash. What is made in it does not, until it is synced. */
  readonly folder: string
  /** For the test itself: works through all crashes. */
  readonly disk: Disk
  readonly clock: Clock
  /** Another life of the process; nothing the former ones do has an effect any more. */
  boot(): MachinePorts
  /** Lets I/O and timers go on a little. */
  turn(): Promise<void>
  /** Waits, for as long as the work needs. */
  run<T>(work: Promise<T>): Promise<T>
  /** Ends the life of the process; `power-loss` (where it can be simulated) also loses what was not synced. */
  crash(kind: 'kill' | 'power-loss'): void
  /** Removes all that it holds. */
  close(): Promise<void>
}

/** Real work outside the simulation (decompression) is given a millisecond after so many turns without any event. */
const idleTurnsPerRealTurn = 50
const realTurnsMax = 1_000

function realTurn(): Promise<void> {
  return new Promise((resolve) => void nodeClock.after(1, resolve))
}

/** A machine with a virtual clock and a disk in memory that keeps no promise it need not keep. The seed decides everything. */
export class SimulatedMachine implements TestMachine {
  readonly random: SeededRandom
  readonly folder: string = '/data'
  readonly disk: SimulatedDisk
  readonly clock: VirtualClock = new VirtualClock()
  /** Clocks of the lives since the last crash. */
  #lives: MortalPorts[] = []
  /** Turns in which nothing happened on the virtual clock. */
  #idleTurns = 0

  constructor(seed: number) {
    this.random = new SeededRandom(seed)
    const latencyMs = [0, this.random.pick([0, 1, 20])] as const
    this.disk = new SimulatedDisk({ random: this.random.fork(), clock: this.clock, latencyMs, folders: [this.folder] })
  }

  boot(): MachinePorts {
    const ports = new MortalPorts(this.clock, unreachableNetwork)
    this.#lives.push(ports)
    return { clock: ports.clock, disk: this.disk.attach(), network: ports.network, random: this.random.fork() }
  }

  async turn(): Promise<void> {
    if (await this.clock.step()) return
    if (++this.#idleTurns % idleTurnsPerRealTurn === 0) await realTurn()
  }

  /** Moves the clock on; where nothing is left for it to do, real work outside the simulation (decompression) may still be under way. */
  async run<T>(work: Promise<T>): Promise<T> {
    const state = { isSettled: false }
    const settle = (): void => void (state.isSettled = true)
    work.then(settle, settle)
    for (let patience = realTurnsMax; !state.isSettled;) {
      if (await this.clock.step()) continue
      if (patience-- === 0) throw new Error('the promise waits for something that never happens')
      if (!state.isSettled) await realTurn()
    }
    return await work
  }

  crash(kind: 'kill' | 'power-loss'): void {
    for (const life of this.#lives.splice(0)) life.kill()
    if (kind === 'kill') this.disk.kill()
    else this.disk.crash()
  }

  async close(): Promise<void> {}
}

/** This machine's own disk, clock and network, in a temporary folder. A crash is one of the process: the system keeps what was written. */
export class RealMachine implements TestMachine {
  readonly random: SeededRandom
  readonly folder: string
  readonly disk: Disk = nodeDisk
  readonly clock: Clock = nodeClock
  #life: MortalDisk | undefined
  #ports: MortalPorts | undefined

  private constructor(seed: number, folder: string) {
    this.random = new SeededRandom(seed)
    this.folder = folder
  }

  static async create(seed: number): Promise<RealMachine> {
    return new RealMachine(seed, await mkdtemp(join(tmpdir(), 'millrace-connector-')))
  }

  boot(): MachinePorts {
    this.crash()
    this.#life = new MortalDisk(nodeDisk)
    this.#ports = new MortalPorts(nodeClock, nodeNetwork)
    const { clock, network } = this.#ports
    return { clock, disk: this.#life.disk, network, random: this.random.fork() }
  }

  turn(): Promise<void> {
    return new Promise((resolve) => void nodeClock.after(1, resolve))
  }

  run<T>(work: Promise<T>): Promise<T> {
    return work
  }

  crash(): void {
    this.#life?.kill()
    this.#ports?.kill()
  }

  async close(): Promise<void> {
    this.crash()
    await rm(this.folder, { recursive: true, force: true })
  }
}

/** A real disk as a process sees it that can be made to die: operations begun after that never happen, open files are closed. */
class MortalDisk {
  readonly disk: Disk
  readonly #handles = new Set<FileHandle>()
  #isDead = false

  constructor(disk: Disk) {
    this.disk = {
      open: (path, mode) => this.#alive(async () => this.#mortal(await disk.open(path, mode))),
      readFile: (path) => this.#alive(() => disk.readFile(path)),
      list: (path) => this.#alive(() => disk.list(path)),
      stat: (path) => this.#alive(() => disk.stat(path)),
      makeDirectory: (path) => this.#alive(() => disk.makeDirectory(path)),
      rename: (from, to) => this.#alive(() => disk.rename(from, to)),
      link: (from, to) => this.#alive(() => disk.link(from, to)),
      remove: (path) => this.#alive(() => disk.remove(path)),
      removeTree: (path) => this.#alive(() => disk.removeTree(path)),
      syncDirectory: (path) => this.#alive(() => disk.syncDirectory(path)),
    }
  }

  kill(): void {
    this.#isDead = true
    for (const handle of this.#handles) handle.close().catch(() => {})
    this.#handles.clear()
  }

  #mortal(handle: FileHandle): FileHandle {
    if (this.#isDead) handle.close().catch(() => {})
    else this.#handles.add(handle)
    return {
      read: (into, position) => this.#alive(() => handle.read(into, position)),
      write: (bytes, position) => this.#alive(() => handle.write(bytes, position)),
      writeAll: (chunks, position) => this.#alive(() => handle.writeAll(chunks, position)),
      truncate: (length) => this.#alive(() => handle.truncate(length)),
      sync: () => this.#alive(() => handle.sync()),
      stat: () => this.#alive(() => handle.stat()),
      close: () =>
        this.#alive(() => {
          this.#handles.delete(handle)
          return handle.close()
        }),
    }
  }

  #alive<T>(work: () => Promise<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      if (this.#isDead) return
      work().then(
        (value) => (this.#isDead ? undefined : resolve(value)),
        (error: unknown) => (this.#isDead ? undefined : reject(error)),
      )
    })
  }
}

const unreachableNetwork: Network = {
  listen: async () => {
    throw new NetworkError('other', 'this machine has no network')
  },
  connect: async () => {
    throw new NetworkError('refused', 'this machine has no network')
  },
}
