/** A job on a virtual clock and a simulated disk: what an option does can be seen to the millisecond. */
import assert from 'node:assert/strict'
import { overrideOptions, resolveOptions, type Clock, type Network } from '@millrace/core'
import {
  buildJob,
  engineOptionTable,
  type EngineOptionInput,
  type Job,
  type JobEvent,
  type JobResult,
  type RunningJob,
} from '@millrace/engine'
import { startLocalJob, type LocalJobOptions, type ProcessInspector } from '@millrace/engine/simulation'
import { SeededRandom, SimulatedDisk, VirtualClock } from '@millrace/testkit'

export const STATE_DIR = '/data/state'

const noNetwork: Network = {
  listen: () => Promise.reject(new Error('there is no network here')),
  connect: () => Promise.reject(new Error('there is no network here')),
}

export class VirtualMachine {
  readonly clock: VirtualClock = new VirtualClock()
  readonly disk: SimulatedDisk
  readonly random: SeededRandom = new SeededRandom(7)
  #pid = 100

  /** `latencyMs`: of every operation of the disk. */
  constructor(latencyMs = 0) {
    this.disk = new SimulatedDisk({ random: this.random, clock: this.clock, latencyMs: [latencyMs, latencyMs], shortReadProbability: 0 })
  }

  start(job: Job, layers: VirtualLayers = {}): VirtualRun {
    return new VirtualRun(this, job, layers, ++this.#pid)
  }

  /** Names in a folder; none where it is missing. */
  async list(path: string): Promise<readonly string[]> {
    return await this.clock.run(this.disk.list(path).catch(() => []))
  }
}

export interface VirtualLayers {
  /** As in `millrace.yaml`. */
  readonly file?: object
  /** What the caller sets, above the file and below the job itself. */
  readonly options?: object
  readonly restore?: LocalJobOptions['restore']
  readonly launcher?: LocalJobOptions['launcher']
  readonly control?: LocalJobOptions['control']
  readonly createChannels?: LocalJobOptions['ports']['createChannels']
}

export class VirtualRun {
  readonly events: JobEvent[] = []
  readonly running: RunningJob
  result: JobResult | undefined
  readonly #machine: VirtualMachine

  constructor(machine: VirtualMachine, job: Job, layers: VirtualLayers, pid: number) {
    this.#machine = machine
    const { clock, disk, random } = machine
    const first = buildJob(job)
    const file = layers.file === undefined ? {} : { file: { path: 'millrace.yaml', content: layers.file } }
    const below = resolveOptions(engineOptionTable, { code: { stateDir: STATE_DIR, ...layers.options }, ...file })
    const self = { host: 'here', bootId: 'boot', pidNamespace: 'ns', pid, startTicks: String(pid) }
    const processes: ProcessInspector = {
      self: () => self,
      observe: (other) => (other === pid ? { running: true, startTicks: self.startTicks } : { running: false }),
    }
    this.running = startLocalJob({
      first,
      build: () => buildJob(job),
      settings: overrideOptions(engineOptionTable, below, first.graph.settings as EngineOptionInput),
      restore: layers.restore ?? 'none',
      processes,
      ports: {
        clock: turnsTakeTime(clock),
        disk: disk.attach(),
        network: noNetwork,
        random,
        pace: { turnMs: 0, snapshotRows: 100 },
        ...(layers.createChannels === undefined ? {} : { createChannels: layers.createChannels }),
      },
      ...(layers.launcher === undefined ? {} : { launcher: layers.launcher }),
      ...(layers.control === undefined ? {} : { control: layers.control }),
      onEvent: (event) => this.events.push(event),
    })
    void this.running.done.then((result) => (this.result = result))
  }

  /** Lets virtual time pass. */
  async pass(durationMs: number): Promise<void> {
    await this.#machine.clock.advance(durationMs)
  }

  async until(condition: () => boolean): Promise<void> {
    for (let turns = 0; !condition(); turns++) {
      assert.ok(turns < 1_000_000 && (await this.#machine.clock.step()), 'it never happens')
    }
  }

  async cancel(): Promise<void> {
    await this.#machine.clock.run(this.running.cancel())
  }

  async stop(): Promise<void> {
    await this.#machine.clock.run(this.running.stop())
  }

  async end(): Promise<JobResult> {
    return await this.#machine.clock.run(this.running.done)
  }

  of<K extends JobEvent['kind']>(kind: K): Extract<JobEvent, { kind: K }>[] {
    return this.events.filter((event): event is Extract<JobEvent, { kind: K }> => event.kind === kind)
  }
}

/** A turn that takes no time at all would never let another time come. */
function turnsTakeTime(clock: VirtualClock): Clock {
  return {
    now: () => clock.now(),
    monotonic: () => clock.monotonic(),
    after: (delayMs, callback) => clock.after(delayMs, callback),
    soon: (callback) => clock.after(0.25, callback),
  }
}
