import { deepEqual, equal, ok } from 'node:assert/strict'
import type { ConnectorNotice, Source, SourceReader, Split, SplitEnumerator } from '@millrace/engine'
import type { MachinePorts, TestMachine } from './machine.ts'

/** All of a source that a checkpoint keeps. */
export interface SourceSnapshot {
  readonly enumerator: unknown
  readonly splits: readonly Split[]
}

/** More than this from one `poll` keeps a task from its other work for too long. */
const recordsPerPollMax = 1_000

interface HostedReader<T> {
  readonly reader: SourceReader<T>
  /** Calls on the reader that are under way, as they would be between two processes. */
  readonly mail: (() => void)[]
  mayPoll: boolean
  hasEnded: boolean
}

/**
 * One life of a source: its enumerator and its readers, driven as a runtime drives them.
 *
 * 1. A reader that has answered `wait` is polled again only after it woke its task or was given splits.
 * 2. What has been assigned is with its reader before a snapshot is taken.
 */
export class SourceHost<T> {
  readonly emitted: { readonly value: T; readonly subtask: number }[] = []
  readonly notices: ConnectorNotice[] = []
  readonly #machine: TestMachine
  readonly #enumerator: SplitEnumerator
  readonly #readers: HostedReader<T>[]
  readonly #snapshots: { readonly given: unknown; readonly copy: unknown }[] = []
  #failure: { readonly error: unknown } | undefined

  constructor(source: Source<T>, machine: TestMachine, ports: MachinePorts, parallelism: number) {
    this.#machine = machine
    const fail = (error: unknown): void => void (this.#failure ??= { error })
    const report = (notice: ConnectorNotice): void => void this.notices.push(notice)
    this.#readers = Array.from({ length: parallelism }, (_, subtask) => {
      const wake = (): void => {
        if (this.#readers[subtask] !== undefined) this.#readers[subtask].mayPoll = true
      }
      return {
        reader: source.createReader({ ...ports, subtask, parallelism, wake, fail, report }),
        mail: [],
        mayPoll: true,
        hasEnded: false,
      }
    })
    this.#enumerator = source.createEnumerator({
      ...ports,
      parallelism,
      fail,
      report,
      assign: (subtask, splits) => {
        const { reader, mail } = this.#reader(subtask)
        const copy = structuredClone(splits)
        mail.push(() => reader.addSplits(copy))
      },
      noMoreSplits: (subtask) => {
        const { reader, mail } = this.#reader(subtask)
        mail.push(() => reader.noMoreSplits())
      },
    })
  }

  get hasEnded(): boolean {
    return this.#readers.every((hosted) => hosted.hasEnded)
  }

  async start(restored: SourceSnapshot | undefined): Promise<void> {
    const snapshot = structuredClone(restored)
    for (const { reader } of this.#readers) await this.#machine.run(Promise.resolve(reader.open?.()))
    await this.#machine.run(Promise.resolve(this.#enumerator.start(snapshot?.enumerator)))
    if (snapshot !== undefined) this.#enumerator.addSplitsBack(snapshot.splits)
    for (const subtask of this.#readers.keys()) this.#enumerator.addReader(subtask)
    this.check()
  }

  /** Delivers mail to one subtask and polls it; answers whether it may have got further. */
  step(subtask: number): boolean {
    const hosted = this.#reader(subtask)
    this.#deliver(hosted)
    if (!hosted.mayPoll || hosted.hasEnded) return false
    const before = this.emitted.length
    hosted.mayPoll = false
    const answer = hosted.reader.poll({ emit: (value) => void this.emitted.push({ value, subtask }) })
    const count = this.emitted.length - before
    ok(count <= recordsPerPollMax, `a poll emits ${count} records: a few hundred are enough`)
    if (answer === 'more') hosted.mayPoll = true
    if (answer === 'end') this.#end(hosted)
    this.check()
    return true
  }

  snapshot(): SourceSnapshot {
    for (const hosted of this.#readers) this.#deliver(hosted)
    const splits = this.#readers.flatMap(({ reader }) => this.#keep(reader.snapshot()))
    const ids = splits.map(({ id }) => id)
    equal(new Set(ids).size, ids.length, `two splits of a snapshot have the same id: ${ids.join(', ')}`)
    return { enumerator: this.#keep(this.#enumerator.snapshot()), splits }
  }

  checkpointComplete(checkpointId: number): void {
    for (const { reader } of this.#readers) reader.checkpointComplete?.(checkpointId)
  }

  /** Throws what the source failed its task with. */
  check(): void {
    if (this.#failure !== undefined) throw this.#failure.error
  }

  async close(): Promise<void> {
    for (const { given, copy } of this.#snapshots) deepEqual(given, copy, 'a snapshot changed after it was given')
    for (const { reader } of this.#readers) await this.#machine.run(Promise.resolve(reader.close()))
    await this.#machine.run(Promise.resolve(this.#enumerator.close()))
  }

  #reader(subtask: number): HostedReader<T> {
    const hosted = this.#readers[subtask]
    ok(hosted !== undefined, `there is no subtask ${subtask}`)
    return hosted
  }

  #deliver(hosted: HostedReader<T>): void {
    for (const call of hosted.mail.splice(0)) {
      ok(!hosted.hasEnded, 'a reader ended although it was still to be given splits')
      call()
      hosted.mayPoll = true
    }
  }

  #end(hosted: HostedReader<T>): void {
    const before = this.emitted.length
    equal(hosted.reader.poll({ emit: (value) => void this.emitted.push({ value, subtask: -1 }) }), 'end', 'a reader that ended goes on')
    equal(this.emitted.length, before, 'a reader emits after its end')
    deepEqual(hosted.reader.snapshot(), [], 'a reader that ended still holds splits')
    hosted.hasEnded = true
  }

  #keep<V>(given: V): V {
    const copy = structuredClone(given)
    this.#snapshots.push({ given, copy })
    return copy
  }
}
