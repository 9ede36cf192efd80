import { ok } from 'node:assert/strict'
import type { ConnectorNotice, Sink, SinkWriter } from '@millrace/engine'
import type { MachinePorts, TestMachine } from './machine.ts'
import { throughCheckpoint } from './plain-data.ts'

/** What a sink is told of the life of its job: `attempt` grows from life to life, and `isRestoring` says that there is a checkpoint to go on from. */
export interface SinkLife {
  readonly parallelism: number
  readonly attempt: number
  readonly isRestoring: boolean
}

/** One life of a sink: its writers, driven as a runtime drives them. */
export class SinkHost<T> {
  readonly parallelism: number
  readonly notices: ConnectorNotice[] = []
  readonly #machine: TestMachine
  readonly #writers: readonly SinkWriter<T>[]
  /** Subtasks that had no room and have not called `wake` since; whether they were seen to have some. */
  readonly #waiting: Map<number, boolean> = new Map()
  #failure: { readonly error: unknown } | undefined

  constructor(sink: Sink<T>, machine: TestMachine, { parallelism, attempt, isRestoring }: SinkLife, ports: MachinePorts = machine.boot()) {
    this.parallelism = parallelism
    this.#machine = machine
    this.#writers = Array.from({ length: parallelism }, (_, subtask) =>
      sink.createWriter({
        ...ports,
        subtask,
        parallelism,
        attempt,
        jobName: 'orders & alerts',
        stateId: 'published',
        restoring: isRestoring,
        wake: () => void this.#waiting.delete(subtask),
        fail: (error) => void (this.#failure ??= { error }),
        report: (notice) => void this.notices.push(notice),
      }),
    )
  }

  /** What a writer failed its task with. */
  get failure(): { readonly error: unknown } | undefined {
    return this.#failure
  }

  /** Opens all writers at once; the restored handles fall to them at random, whole. */
  async open(restored: readonly unknown[] | undefined): Promise<void> {
    const shares = this.#writers.map((): unknown[] => [])
    for (const handle of restored ?? []) this.#machine.random.pick(shares).push(structuredClone(handle))
    await this.#machine.run(Promise.all(this.#writers.map(async (writer, subtask) => await writer.open(shares[subtask]!))))
  }

  write(subtask: number, value: T): void {
    this.#writers[subtask]!.write(value, 0)
  }

  ready(subtask: number): boolean {
    return this.#writers[subtask]!.ready?.() ?? true
  }

  /** Asks for room, as a task does once: it sleeps where there is none. @throws if it would sleep on though there is some */
  look(): void {
    for (const subtask of this.#writers.keys()) {
      if (!this.ready(subtask)) this.#waiting.set(subtask, false)
      else if (this.#waiting.has(subtask)) {
        ok(
          this.#waiting.get(subtask) === false,
          `ready() of the writer of subtask ${subtask} answered false, and answers true now: it has not called wake, so its task sleeps on`,
        )
        this.#waiting.set(subtask, true)
      }
    }
  }

  /** The handles of all writers, as a checkpoint would store them. */
  async prepare(checkpointId: number): Promise<readonly (readonly unknown[])[]> {
    // With a checkpoint the task looks again by itself.
    this.#waiting.clear()
    const handles = await this.#machine.run(Promise.all(this.#writers.map((writer) => writer.prepare(checkpointId))))
    return handles.map((each, subtask) => throughCheckpoint(each, `what prepare of subtask ${subtask} answers`))
  }

  async commit(subtask: number, handles: readonly unknown[], checkpointId: number): Promise<void> {
    await this.#machine.run(this.#writers[subtask]!.commit!(structuredClone(handles), checkpointId))
  }

  async close(): Promise<void> {
    await this.#machine.run(Promise.all(this.#writers.map(async (writer) => await writer.close())))
  }
}
