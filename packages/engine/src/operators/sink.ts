import type { SinkWriter } from '../connectors/sink.ts'
import { closeFailed, operatorFailed, PlainOperator, type OperatorHost } from './operator.ts'

/** The end of a chain: hands records to the sink's writer, and takes part in two-phase commit through it. */
export class SinkOperator extends PlainOperator {
  readonly writer: SinkWriter<unknown>
  readonly #restored: readonly unknown[]
  readonly #limits: boolean
  /** Records written since the start. */
  written = 0

  constructor(host: OperatorHost, writer: SinkWriter<unknown>, restored: readonly unknown[]) {
    super(host)
    this.writer = writer
    this.#restored = restored
    this.#limits = writer.ready !== undefined
  }

  get keepsNothing(): boolean {
    return this.writer.keepsNothing === true
  }

  override async open(): Promise<void> {
    try {
      await this.writer.open(this.#restored)
    } catch (error) {
      throw operatorFailed(this.host, 'open', error, undefined)
    }
  }

  override receive(value: unknown): void {
    this.written++
    try {
      this.writer.write(value, this.cursor.timestamp)
    } catch (error) {
      throw operatorFailed(this.host, 'write', error, value)
    }
    if (this.full) this.cursor.interrupted = true
  }

  override get full(): boolean {
    if (!this.#limits) return false
    try {
      return !this.writer.ready!()
    } catch (error) {
      throw operatorFailed(this.host, 'ready', error, undefined)
    }
  }

  override flush(): void {
    try {
      this.writer.flush?.()
    } catch (error) {
      throw operatorFailed(this.host, 'flush', error, undefined)
    }
  }

  override async close(): Promise<void> {
    try {
      await this.writer.close()
    } catch (error) {
      throw closeFailed(this.host, error)
    }
  }
}
