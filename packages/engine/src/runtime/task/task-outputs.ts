import type { ChannelEvent } from '../../exchange/elements.ts'
import { broadcastEvent, type ExchangeOutput } from './exchange-output.ts'

/** The outputs of a task together: what may go out, and what keeps the task from taking more in. */
export class TaskOutputs {
  readonly #outputs: readonly ExchangeOutput[]
  readonly #mayBeHeld: boolean
  #pressed: 'no' | 'full' | 'held' = 'no'

  /** `mayBeHeld`: readers may hold the task back. */
  constructor(outputs: readonly ExchangeOutput[], mayBeHeld: boolean) {
    this.#outputs = outputs
    this.#mayBeHeld = mayBeHeld
  }

  /** Moves queued output on; answers whether none waits any more, and no reader holds back. */
  drain(): boolean {
    let empty = true
    for (const output of this.#outputs) {
      for (const channel of output.channels) if (channel.queuedBytes > 0 && !channel.drain()) empty = false
    }
    this.#pressed = !empty ? 'full' : this.#isHeld() ? 'held' : 'no'
    return this.#pressed === 'no'
  }

  /** Since the last `drain`: `full` where whoever makes room wakes the task; `released` where readers have ceased to hold back. */
  get pressure(): 'no' | 'full' | 'held' | 'released' {
    return this.#pressed === 'held' && !this.#isHeld() ? 'released' : this.#pressed
  }

  /** Bytes of records sent so far; 0 where they pass by reference. */
  get writtenBytes(): number {
    let bytes = 0
    for (const { channels } of this.#outputs) for (const channel of channels) bytes += channel.writtenBytes
    return bytes
  }

  /** Sends what is under construction. */
  flush(): void {
    for (const output of this.#outputs) for (const channel of output.channels) if (channel.pending) channel.flush()
  }

  /** Down every channel, behind the records written so far. */
  tell(event: ChannelEvent): void {
    for (const output of this.#outputs) broadcastEvent(output, event)
  }

  close(): void {
    for (const output of this.#outputs) for (const channel of output.channels) channel.close()
  }

  #isHeld(): boolean {
    return this.#mayBeHeld && this.#outputs.some(({ channels }) => channels.some(({ held }) => held))
  }
}
