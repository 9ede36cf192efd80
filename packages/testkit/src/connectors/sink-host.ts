import type { ConnectorNotice, Sink, SinkWriter } from '@millrace/engine'
import type { MachinePorts, TestMachine } from './machine.ts'
import { throughCheckpoint } from './plain-data.ts'

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
        wake: () => {},
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

  /** The handles of all writers, as a checkpoint would store them. */
  async prepare(checkpointId: number): Promise<readonly (readonly unknown[])[]> {
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
